--@ base once wire bells mail room
-- send: worker, command. Answers whether it lives.
if not lives(R[4]) then
  return done(NO)
end
post(R[4], ARGV[R[5]])
return done(YES)
