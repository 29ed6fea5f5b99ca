--@ waiters
-- wait_settled, at its end. Takes a waiter, and forgets it and waiters whose time is over.
remove_waiter(R[4])
remove_old_waiters()
return '\192'
