--@ base places
-- settled: ids, waiter (false: do not wait), seconds. Answers with the ids that are finished or unknown; where there
-- are none, the waiter will be told.
local found = {}
buckets(R[4], function(bucket, first, last)
  local stored = call('HMGET', P .. 'f:' .. bucket, unpack(R[4], first, last))
  local ended = call('HMGET', P .. 'd:' .. bucket, unpack(R[4], first, last))
  for i = 1, last - first + 1 do
    if ended[i] or not stored[i] or stored[i] == '' then
      found[#found + 1] = R[4][first + i - 1]
    end
  end
end)
if #found == 0 and R[5] then
  call('ZADD', P .. 'y', now + R[6], R[5])
end
return cmsgpack.pack(found)
