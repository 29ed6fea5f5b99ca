--@ msgpack room
-- note_entry. Takes id, the number of the argument that says what was done or false, whether the command was heard, and
-- whether it was done. Answers whether the entry exists.
if call('HEXISTS', P .. 'ae', R[4]) == 0 then
  return NO
end
if R[5] then
  call('HSET', P .. 'ad', R[4], ARGV[R[5]])
end
for kind, noted in pairs({ ah = R[6], ao = R[7] }) do
  if noted then
    call('HSETNX', P .. kind, R[4], string.format('%.17g', now))
  end
end
return YES
