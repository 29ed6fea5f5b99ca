--@ base wire
-- log_entry: id, entry.
if call('HSETNX', P .. 'ae', R[4], ARGV[R[5]]) == 1 then
  call('ZADD', P .. 'az', now, R[4])
end
return NIL
