-- A worker's or pool's mailbox: a list, and a bell beside it.
local function lives(id)
  local ends = call('ZSCORE', P .. 'wz', id) or call('ZSCORE', P .. 'pz', id)
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
  call('ZREM', P .. 'pz', worker)
  call('HDEL', P .. 'p', worker)
  call('UNLINK', P .. 'm:' .. worker, P .. 'mb:' .. worker)
end
