--@ msgpack firings
-- results. Takes ids. Answers with the end of each firing, or nothing; with [index, whether it runs, expiry, error] for
-- each that is not finished; and with [index, labels, evidence, attempt state] for each that ended without a result.
local ends, n, live, failed = {}, 0, {}, {}
-- An end begins with the name of its chunk, an id as a rule, and its state: no other is as long as `complete`. No name has
-- such a byte.
local byte = string.byte
local function is_complete(ended)
  return byte(ended, 27) == 168 or select(3, cmsgpack.unpack_limit(ended, 2, 1)) == 'complete'
end
buckets(R[4], function(bucket, first, last)
  local found = call('HMGET', P .. 'd:' .. bucket, unpack(R[4], first, last))
  for i = 1, last - first + 1 do
    n = n + 1
    ends[n] = found[i] or NIL
    local ended = found[i]
    local firing = not (ended and is_complete(ended)) and load(R[4][first + i - 1])
    if firing and not ended then
      local expires = select(4, cmsgpack.unpack_limit(firing.stored, 3))
      local x = firing.extras or {}
      live[#live + 1] = '\148' .. u64(n - 1) .. (is_pending(firing) and NO or YES)
        .. maybe(f64, not x.noexp and expires) .. maybe(str, x.error)
    elseif firing then
      local x = firing.extras or {}
      failed[#failed + 1] = '\148' .. u64(n - 1) .. str(labels_at(firing.stored, firing.offset)) .. str(x.evidence or '')
        .. maybe(bin, x.carry)
    end
  end
end)
return '\147' .. array(n) .. table.concat(ends) .. array(#live) .. table.concat(live)
  .. array(#failed) .. table.concat(failed)
