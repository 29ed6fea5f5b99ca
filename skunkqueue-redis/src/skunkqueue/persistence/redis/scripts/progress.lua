--@ msgpack lease_ids room
-- progress. Takes id, token, and the number of the argument with the data. Answers whether the claim holds.
if not holds(R[5], R[4]) then
  return NO
end
call('HSET', P .. 'x:' .. R[4], 'progress', ARGV[R[6]])
return YES
