--@ msgpack mailboxes
-- unregister and unregister_pool. Takes the id of a worker or pool.
unlist(R[4])
return NIL
