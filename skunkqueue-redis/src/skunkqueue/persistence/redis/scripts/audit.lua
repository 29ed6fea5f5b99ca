--@ request msgpack
-- audit. Takes [time, id] to go on after or false, limit, and the id of the only entry wanted or false. Answers with
-- [time, entry, did, heard, done] for each entry, the newest first.
local after, limit, only = R[4], R[5], R[6]
local found = {}
local function show(id, at)
  local parts = { '\149', f64(tonumber(at)), bin(call('HGET', P .. 'ae', id) or '') }
  parts[4] = maybe(bin, call('HGET', P .. 'ad', id))
  parts[5] = maybe(f64, tonumber(call('HGET', P .. 'ah', id) or nil))
  parts[6] = maybe(f64, tonumber(call('HGET', P .. 'ao', id) or nil))
  found[#found + 1] = table.concat(parts)
end
if only then
  local at = call('ZSCORE', P .. 'az', only)
  if at and (not after or tonumber(at) < after[1] or (tonumber(at) == after[1] and only < after[2])) then
    show(only, at)
  end
else
  local top, skip = after and string.format('%.17g', after[1]) or '+inf', 0
  repeat
    local part = call('ZREVRANGEBYSCORE', P .. 'az', top, '-inf', 'WITHSCORES', 'LIMIT', skip, limit)
    skip = skip + #part / 2
    for i = 1, #part, 2 do
      local same = after and tonumber(part[i + 1]) == after[1]
      if #found < limit and (not same or part[i] < after[2]) then
        show(part[i], part[i + 1])
      end
    end
  until #part == 0 or #found >= limit
end
return array(#found) .. table.concat(found)
