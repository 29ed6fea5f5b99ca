--@ once msgpack
-- listen: removes commands that were read. Takes worker, and the number of the first argument with a command. Another
-- listener may have taken some, so each is looked for.
for at = R[5], #ARGV do
  call('LREM', P .. 'm:' .. R[4], 1, ARGV[at])
end
return done(NIL)
