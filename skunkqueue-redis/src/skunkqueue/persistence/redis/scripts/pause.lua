--@ msgpack places room
-- pause. Takes a queue (quoted), and a place or false.
local queue, place = R[4], R[5]
if place then
  if call('SADD', P .. 'routes', place) == 1 and call('HEXISTS', P .. 'paused', queue) == 1 then
    call('HSET', P .. 'q:' .. place, 'qpaused', 1)
  end
  call('HSET', P .. 'q:' .. place, 'paused', 1)
else
  call('HSET', P .. 'paused', queue, 1)
  for _, one in ipairs(call('SMEMBERS', P .. 'routes')) do
    if queue_of(one) == queue then
      call('HSET', P .. 'q:' .. one, 'qpaused', 1)
    end
  end
end
return NIL
