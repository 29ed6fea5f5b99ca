--@ request
-- find. Takes prefix and limit. Answers with ids. Looks only through the buckets that can hold the prefix.
local prefix, limit = R[4], R[5]
local found = {}
local function look(bucket)
  local here = {}
  for _, id in ipairs(call('HKEYS', P .. 'f:' .. bucket)) do
    if id:sub(1, #prefix) == prefix and call('HSTRLEN', P .. 'f:' .. bucket, id) > 0 then
      here[#here + 1] = id
    end
  end
  table.sort(here)
  for _, id in ipairs(here) do
    if #found < limit then
      found[#found + 1] = id
    end
  end
end
if #prefix >= 9 then
  look(prefix:sub(1, 9))
else
  -- A bucket may have only ids of firings that were removed just now.
  local first, names = 0, nil
  repeat
    names = call('ZRANGEBYLEX', P .. 'b', '[' .. prefix, '(' .. prefix .. 'g', 'LIMIT', first, limit)
    for _, bucket in ipairs(names) do
      if #found < limit then
        look(bucket)
      end
    end
    first = first + #names
  until #names == 0 or #found >= limit
end
return cmsgpack.pack(found)
