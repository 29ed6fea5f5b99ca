--@ base wire
-- progress: id, token, data. Answers whether the claim holds.
if call('HEXISTS', P .. 'l:' .. R[5], R[4]) == 0 then
  return NO
end
call('HSET', P .. 'x:' .. R[4], 'progress', ARGV[R[6]])
return YES
