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
-- Tells those who wait for results which of their firings are finished or gone. A list that gets too long is cut, and
-- its first element says so.
local function tell(waiter, news)
  local list = P .. 'y:' .. waiter
  if call('RPUSH', list, news) > 50 then
    call('DEL', list)
    call('RPUSH', list, 'cut')
  end
  call('EXPIRE', list, 120)
end
local function tell_of_each(ids)
  local news = {}
  for first = 1, #ids, SLICE do
    local last = math.min(first + SLICE - 1, #ids)
    for i, waiters in ipairs(call('HMGET', P .. 'yi', unpack(ids, first, last))) do
      if waiters then
        local id = ids[first + i - 1]
        call('HDEL', P .. 'yi', id)
        for waiter in waiters:gmatch('%S+') do
          news[waiter] = (news[waiter] or '') .. id
        end
      end
    end
  end
  for waiter, told in pairs(news) do
    tell(waiter, told)
  end
end
local function announce(ids)
  if call('ZCARD', P .. 'y') == 0 then
    return
  end
  if call('EXISTS', P .. 'yi') == 1 then
    tell_of_each(ids)
  end
  local of_all = call('ZRANGEBYSCORE', P .. 'ya', now, '+inf')
  for _, waiter in ipairs(of_all) do
    tell(waiter, table.concat(ids))
  end
  if call('ZCOUNT', P .. 'y', now, '+inf') > call('ZCOUNT', P .. 'yn', now, '+inf') + #of_all then
    -- Those of the version before do not say for which firings they wait.
    for _, waiter in ipairs(call('ZRANGEBYSCORE', P .. 'y', now, '+inf')) do
      if not (call('ZSCORE', P .. 'yn', waiter) or call('ZSCORE', P .. 'ya', waiter)) then
        tell(waiter, table.concat(ids))
      end
    end
  end
end
