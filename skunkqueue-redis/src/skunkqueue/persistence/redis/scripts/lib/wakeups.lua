--@ request
-- Wake-ups: lists of at most one element, on which those who wait block.
local function push_wakeup(wakeup)
  if call('EXISTS', wakeup) == 0 then
    call('RPUSH', wakeup, '1')
  end
end
local function wake(place)
  push_wakeup(P .. 'g:' .. place)
end
local function wake_worker(place, worker)
  local wakeup = P .. 'g:' .. place .. ':' .. worker
  push_wakeup(wakeup)
  call('EXPIRE', wakeup, 3600)
end
-- Tells those who wait for results which ids are finished or gone. A list that gets too long is cut, and its first
-- element says so.
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
