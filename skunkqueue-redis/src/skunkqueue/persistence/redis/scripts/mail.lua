-- A worker's mailbox: a list, and a bell beside it.
local function lives(worker)
  local ends = call('ZSCORE', P .. 'wz', worker)
  return ends and tonumber(ends) > now
end
local function post(worker, command)
  call('RPUSH', P .. 'm:' .. worker, command)
  call('EXPIRE', P .. 'm:' .. worker, 3600)
  strike(P .. 'mb:' .. worker)
  call('EXPIRE', P .. 'mb:' .. worker, 3600)
end
local function strike_off(worker)
  call('ZREM', P .. 'wz', worker)
  call('HDEL', P .. 'w', worker)
  call('UNLINK', P .. 'm:' .. worker, P .. 'mb:' .. worker)
end
