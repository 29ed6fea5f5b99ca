--@ base wire bells mail
-- unregister: worker.
strike_off(R[4])
return NIL
