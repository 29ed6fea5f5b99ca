--@ msgpack places wakeups
-- resume. Takes a queue (quoted), and a place or false.
local queue, place = R[4], R[5]
if place then
  call('HDEL', P .. 'q:' .. place, 'paused')
  wake(place)
else
  call('HDEL', P .. 'paused', queue)
  for _, one in ipairs(call('SMEMBERS', P .. 'routes')) do
    if queue_of(one) == queue then
      call('HDEL', P .. 'q:' .. one, 'paused', 'qpaused')
      wake(one)
    end
  end
end
for _, name in ipairs(call('SMEMBERS', P .. 't')) do
  local where, target = name:match('^(.-)\n(.*)$')
  if where == place or (not place and queue_of(where) == queue) then
    local wakeup = P .. 'g:' .. where .. ':' .. target
    push_wakeup(wakeup)
    call('EXPIRE', wakeup, 3600)
  end
end
return NIL
