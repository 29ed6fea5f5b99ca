-- enqueue, the usual case: one firing that is due now and has neither expiry, key nor target. It loads no pieces up
-- front and unpacks no request, since each of these costs microseconds. Arguments: place, rank, id, fragment, and the
-- two fields that count it: `enqueued` and its rank, each with its job as job_names.lua has it.
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
  -- The first of its job, ever or in this minute: what put() and add_up() do in such a case.
  --@ register job_names
  register(place, rank)
  local job = ARGV[5]:match('\n(.*)$')
  if job and name_of(place, job) ~= job then
    call('HDEL', jobs, ARGV[6])
    call('HDEL', stats, ARGV[5])
    call('HINCRBY', jobs, field_of(rank, OTHER_JOBS), 1)
    call('HINCRBY', stats, field_of('enqueued', OTHER_JOBS), 1)
  end
  if fresh then
    call('EXPIRE', stats, 2764800)
    local minute = math.floor(time[1] / 60)
    call('ZADD', P .. 'sz:' .. place, minute, minute)
  end
end
local wakeup = P .. 'g:' .. place
if call('EXISTS', wakeup) == 0 then
  call('RPUSH', wakeup, '1')
end
return '\192'
