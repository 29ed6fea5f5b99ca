--@ msgpack room
-- log_entry. Takes id, and the number of the argument with the entry.
if call('HSETNX', P .. 'ae', R[4], ARGV[R[5]]) == 1 then
  call('ZADD', P .. 'az', now, R[4])
end
return NIL
