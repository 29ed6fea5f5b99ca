--@ wakeups
-- The mailbox of a worker or pool: a list, and a wake-up beside it.
local function lives(id)
  local ends = call('ZSCORE', P .. 'wz', id) or call('ZSCORE', P .. 'pz', id)
  return ends and tonumber(ends) > now
end
local function send_to(worker, command)
  call('RPUSH', P .. 'm:' .. worker, command)
  call('EXPIRE', P .. 'm:' .. worker, 3600)
  push_wakeup(P .. 'mb:' .. worker)
  call('EXPIRE', P .. 'mb:' .. worker, 3600)
end
local function unlist(worker)
  call('ZREM', P .. 'wz', worker)
  call('HDEL', P .. 'w', worker)
  call('ZREM', P .. 'pz', worker)
  call('HDEL', P .. 'p', worker)
  call('UNLINK', P .. 'm:' .. worker, P .. 'mb:' .. worker)
end
