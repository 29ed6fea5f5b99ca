--@ base once wire places bells stats put records holding leases ending killing mail reaping chunks pruning clock entries room
-- sweep: limit, chunk, how many entries of the audit log are kept, and for how many seconds. Answers how much was done.
local n = prune_past_ttl(R[4]) + mind_the_clock()
for _, worker in ipairs(call('ZRANGEBYSCORE', P .. 'wz', '-inf', now, 'LIMIT', 0, R[4])) do
  strike_off(worker)
  n = n + 1
end
for _, pool in ipairs(call('ZRANGEBYSCORE', P .. 'pz', '-inf', now, 'LIMIT', 0, R[4])) do
  strike_off(pool)
  n = n + 1
end
n = n + drop_entries(R[6], R[7])
local workers, order = targets_by_worker()
local dead = 0
for i, target in ipairs(order) do
  if dead < 100 and not lives(target) then
    dead = dead + 1
    -- Nobody else may claim what it was lent, so nobody else will take it back.
    release_copies(target)
    n = n + kill_copies(target, workers[target], R[5] .. '/' .. i)
  end
end
call('ZREMRANGEBYSCORE', P .. 'y', '-inf', now)
return done(u64(n))
