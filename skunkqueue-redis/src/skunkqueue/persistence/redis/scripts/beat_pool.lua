--@ msgpack clock room
-- register_pool and beat_pool. Takes pool, the number of the argument with its record, and seconds. Answers whether the
-- pool was listed before.
look_at_clock()
local ends = call('ZSCORE', P .. 'pz', R[4])
call('ZADD', P .. 'pz', now + R[6], R[4])
call('HSET', P .. 'p', R[4], f64(now) .. bin(ARGV[R[5]]))
return ends and tonumber(ends) > now and YES or NO
