-- enqueue, where one firing is put in that is due now and has neither expiry, key nor target: what most producers do
-- all day. No pieces and no request to unpack, since each costs microseconds. Arguments: place, rank, id, fragment, and
-- the two fields that count it: `enqueued` and its rank, each with its job as stats.lua has it.
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
local stats = P .. 's:' .. place .. ':' .. math.floor(time[1] / 60)
local jobs = P .. 'j:' .. place
local new, fresh = call('HINCRBY', jobs, ARGV[6], 1) == 1, call('HINCRBY', stats, ARGV[5], 1) == 1
if new or fresh then
  -- The first of its job, ever or in this minute: as register() in put.lua does it, and name_of() in stats.lua.
  local all = call('HGET', P .. 'q:' .. place, 'ranks') or ''
  if not all:find(rank, 1, true) then
    local digits = {}
    for digit in (all .. rank):gmatch('.') do
      digits[#digits + 1] = digit
    end
    table.sort(digits)
    call('HSET', P .. 'q:' .. place, 'ranks', table.concat(digits))
    call('HSETNX', P .. 'q:' .. place, 'e' .. rank, 1)
    call('SADD', P .. 'routes', place)
    if call('HEXISTS', P .. 'paused', place:match('^[^:]*')) == 1 then
      call('HSET', P .. 'q:' .. place, 'qpaused', 1)
    end
  end
  local job, known = ARGV[5]:match('\n(.*)$'), P .. 'js:' .. place
  if job and call('SISMEMBER', known, job) == 0 then
    if call('SCARD', known) < 200 then
      call('SADD', known, job)
    else
      call('HDEL', jobs, ARGV[6])
      call('HDEL', stats, ARGV[5])
      call('HINCRBY', jobs, rank .. '\n(other jobs)', 1)
      call('HINCRBY', stats, 'enqueued\n(other jobs)', 1)
    end
  end
  if fresh then
    call('EXPIRE', stats, 2764800)
    local minute = math.floor(time[1] / 60)
    call('ZADD', P .. 'sz:' .. place, minute, minute)
  end
end
local bell = P .. 'g:' .. place
if call('EXISTS', bell) == 0 then
  call('RPUSH', bell, '1')
end
return '\192'
