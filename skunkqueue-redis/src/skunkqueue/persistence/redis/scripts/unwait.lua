--@ base
-- unwait: waiter. Forgets one that waited for results, and all whose time is over.
call('ZREM', P .. 'y', R[4])
call('ZREMRANGEBYSCORE', P .. 'y', '-inf', now)
call('UNLINK', P .. 'y:' .. R[4])
return '\192'
