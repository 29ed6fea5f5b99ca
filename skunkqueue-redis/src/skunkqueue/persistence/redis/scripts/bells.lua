-- Bells are lists of at most one element, on which those who wait block.
local function strike(bell)
  if call('EXISTS', bell) == 0 then
    call('RPUSH', bell, '1')
  end
end
local function ring(place)
  strike(P .. 'g:' .. place)
end
local function ring_worker(place, worker)
  local bell = P .. 'g:' .. place .. ':' .. worker
  strike(bell)
  call('EXPIRE', bell, 3600)
end
-- Whoever waits for results gets the ids that are finished or gone now; once a list is too long it is cut, and
-- its first element says so.
local function announce(ids)
  local waiters = call('ZRANGEBYSCORE', P .. 'y', now, '+inf')
  if #waiters == 0 then
    return
  end
  local news = table.concat(ids)
  for _, waiter in ipairs(waiters) do
    local list = P .. 'y:' .. waiter
    if call('RPUSH', list, news) > 50 then
      call('DEL', list)
      call('RPUSH', list, 'cut')
    end
    call('EXPIRE', list, 120)
  end
end
