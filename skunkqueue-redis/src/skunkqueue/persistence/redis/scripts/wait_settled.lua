--@ places waiters
-- wait_settled: looks for what is settled. Takes ids, a waiter (false: do not wait), and seconds. Answers with the ids
-- that are finished or unknown; where none is, the waiter hears of the first that is. Reads neither bodies nor results,
-- which may be large.
local found = {}
for _, id in ipairs(R[4]) do
  local bucket = bucket_of(id)
  if call('HEXISTS', P .. 'd:' .. bucket, id) == 1 or call('HSTRLEN', P .. 'f:' .. bucket, id) == 0 then
    found[#found + 1] = id
  end
end
if #found == 0 and R[5] then
  call('DEL', P .. 'room') -- as in room.lua; not above, since a replica refuses it, but may be asked
  add_waiter(R[5], R[4], now + R[6])
end
return cmsgpack.pack(found)
