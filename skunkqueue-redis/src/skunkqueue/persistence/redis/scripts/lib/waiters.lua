--@ request
-- Those who wait for results: `yn` has them by the end of their time, `yl` for which firings each waits, and `yi` who
-- waits for each firing. One that waits for many is in `ya` instead, and is told of all firings: that takes less than
-- to list each, and most of them are its own. All are in `y`, too, with those of the version before, which knows nothing
-- else.
local MANY = 50
local function add_waiter(waiter, ids, ends)
  local many = #ids > MANY
  call('ZADD', P .. 'y', ends, waiter)
  call('ZADD', P .. (many and 'ya' or 'yn'), ends, waiter)
  call('ZREM', P .. (many and 'yn' or 'ya'), waiter)
  if many then
    return
  end
  call('HSET', P .. 'yl', waiter, table.concat(ids))
  for first = 1, #ids, SLICE do
    local last, fields = math.min(first + SLICE - 1, #ids), {}
    for i, others in ipairs(call('HMGET', P .. 'yi', unpack(ids, first, last))) do
      fields[2 * i - 1] = ids[first + i - 1]
      local known = others and (' ' .. others .. ' '):find(' ' .. waiter .. ' ', 1, true)
      fields[2 * i] = known and others or (others and others .. ' ' or '') .. waiter
    end
    call('HSET', P .. 'yi', unpack(fields))
  end
end
local function leave(waiter, ids)
  local left, alone = {}, {}
  for i, waiters in ipairs(call('HMGET', P .. 'yi', unpack(ids))) do
    local others = {}
    for one in (waiters or ''):gmatch('%S+') do
      if one ~= waiter then
        others[#others + 1] = one
      end
    end
    if #others > 0 then
      left[#left + 1] = ids[i]
      left[#left + 1] = table.concat(others, ' ')
    elseif waiters then
      alone[#alone + 1] = ids[i]
    end
  end
  if #alone > 0 then
    call('HDEL', P .. 'yi', unpack(alone))
  end
  if #left > 0 then
    call('HSET', P .. 'yi', unpack(left))
  end
end
local function remove_waiter(waiter)
  local listed = call('HGET', P .. 'yl', waiter) or ''
  call('ZREM', P .. 'y', waiter)
  call('ZREM', P .. 'yn', waiter)
  call('ZREM', P .. 'ya', waiter)
  call('HDEL', P .. 'yl', waiter)
  call('UNLINK', P .. 'y:' .. waiter)
  for first = 1, #listed, 24 * SLICE do
    local ids = {}
    for at = first, math.min(first + 24 * SLICE, #listed) - 1, 24 do
      ids[#ids + 1] = listed:sub(at, at + 23)
    end
    leave(waiter, ids)
  end
end
-- Removes those whose time is over: their processes have died.
local function remove_old_waiters()
  for _, which in ipairs({ 'yn', 'ya' }) do
    for _, waiter in ipairs(call('ZRANGEBYSCORE', P .. which, '-inf', now, 'LIMIT', 0, 100)) do
      remove_waiter(waiter)
    end
  end
  call('ZREMRANGEBYSCORE', P .. 'y', '-inf', now)
end
