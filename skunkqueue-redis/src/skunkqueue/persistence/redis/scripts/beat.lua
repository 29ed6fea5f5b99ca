--@ msgpack clock room
-- register and beat. Takes worker, the number of the argument with its record, and seconds. Answers whether the worker
-- was listed before.
look_at_clock()
local ends = call('ZSCORE', P .. 'wz', R[4])
call('ZADD', P .. 'wz', now + R[6], R[4])
call('HSET', P .. 'w', R[4], f64(now) .. bin(ARGV[R[5]]))
return ends and tonumber(ends) > now and YES or NO
