--@ request
-- wait_settled, at its end. Takes a waiter, and forgets it and all waiters whose time is over.
call('ZREM', P .. 'y', R[4])
call('ZREMRANGEBYSCORE', P .. 'y', '-inf', now)
call('UNLINK', P .. 'y:' .. R[4])
return '\192'
