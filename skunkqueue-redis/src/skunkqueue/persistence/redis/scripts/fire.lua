-- enqueue, where one firing is put in that is due now and has neither expiry, key nor target: what most producers do
-- all day. No pieces and no request to unpack, since each costs microseconds. Arguments: place, rank, id, fragment.
local P, place, rank, id = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local call = redis.call
local time = call('TIME')
local now = time[1] + time[2] / 1000000
local when = '\203' .. struct.pack('>d', now)
local bucket = id:sub(1, 9)
local key = P .. 'f:' .. bucket
if call('HSETNX', key, id, when .. when .. '\192' .. ARGV[4]) == 0 then
  return '\192'
end
if call('HLEN', key) == 1 then
  call('ZADD', P .. 'b', 0, bucket)
end
call('ZADD', P .. 'r:' .. place .. ':' .. rank, now, id)
if call('HINCRBY', P .. 'q:' .. place, 'e' .. rank, 1) == 1 then
  -- The first of its rank: as register() in put.lua does it.
  local all = {}
  for digit in ((call('HGET', P .. 'q:' .. place, 'ranks') or '') .. rank):gmatch('.') do
    all[#all + 1] = digit
  end
  table.sort(all)
  call('HSET', P .. 'q:' .. place, 'ranks', table.concat(all))
  call('SADD', P .. 'routes', place)
  if call('HEXISTS', P .. 'paused', place:match('^[^:]*')) == 1 then
    call('HSET', P .. 'q:' .. place, 'qpaused', 1)
  end
end
local stats = P .. 's:' .. place .. ':' .. math.floor(time[1] / 60)
if call('HINCRBY', stats, 'enqueued', 1) == 1 then
  call('EXPIRE', stats, 172800)
end
local bell = P .. 'g:' .. place
if call('EXISTS', bell) == 0 then
  call('RPUSH', bell, '1')
end
return '\192'
