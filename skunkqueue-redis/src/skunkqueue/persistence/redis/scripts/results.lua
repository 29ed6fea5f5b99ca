--@ msgpack firings
-- results. Takes ids. Answers with the end of each firing, or nothing; and with [index, whether it runs, expiry, error]
-- for each that is not finished.
local ends, n, live = {}, 0, {}
buckets(R[4], function(bucket, first, last)
  local found = call('HMGET', P .. 'd:' .. bucket, unpack(R[4], first, last))
  for i = 1, last - first + 1 do
    n = n + 1
    ends[n] = found[i] or NIL
    local firing = not found[i] and load(R[4][first + i - 1])
    if firing then
      local expires = select(4, cmsgpack.unpack_limit(firing.stored, 3))
      local x = firing.extras or {}
      live[#live + 1] = '\148' .. u64(n - 1) .. (is_pending(firing) and NO or YES)
        .. maybe(f64, not x.noexp and expires) .. maybe(str, x.error)
    end
  end
end)
return '\146' .. array(n) .. table.concat(ends) .. array(#live) .. table.concat(live)
