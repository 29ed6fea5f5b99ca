--@ base once wire
-- take: worker, where the commands begin that were heard. Another who listens may have taken some, so each is looked for.
for at = R[5], #ARGV do
  call('LREM', P .. 'm:' .. R[4], 1, ARGV[at])
end
return done(NIL)
