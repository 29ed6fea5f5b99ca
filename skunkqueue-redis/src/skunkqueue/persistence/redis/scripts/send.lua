--@ once msgpack mailboxes room
-- send. Takes worker, and the number of the argument with the command. Answers whether the worker is alive.
if not lives(R[4]) then
  return done(NO)
end
send_to(R[4], ARGV[R[5]])
return done(YES)
