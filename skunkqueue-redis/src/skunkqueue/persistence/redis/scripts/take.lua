--@ base once wire
-- take: worker, how many commands were heard.
call('LTRIM', P .. 'm:' .. R[4], R[5], -1)
return done(NIL)
