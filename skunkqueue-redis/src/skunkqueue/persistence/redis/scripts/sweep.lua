--@ once mailboxes targeted pruning clock audit_log waiters room
-- sweep. Takes limit, the name of a chunk, how many entries of the audit log to keep, and for how many seconds. Answers
-- how much was done.
local n = forget_hollow(R[4]) + prune_past_ttl(R[4]) + mind_the_clock()
for _, worker in ipairs(call('ZRANGEBYSCORE', P .. 'wz', '-inf', now, 'LIMIT', 0, R[4])) do
  unlist(worker)
  n = n + 1
end
for _, pool in ipairs(call('ZRANGEBYSCORE', P .. 'pz', '-inf', now, 'LIMIT', 0, R[4])) do
  unlist(pool)
  n = n + 1
end
n = n + drop_entries(R[6], R[7])
local workers, order = targets_by_worker()
local dead = 0
for i, target in ipairs(order) do
  if dead < 100 and not lives(target) then
    dead = dead + 1
    -- No other worker may claim these firings, so no claim takes them back.
    release_copies(target)
    n = n + kill_copies(target, workers[target], R[5] .. '/' .. i)
  end
end
remove_old_waiters()
return done(u64(n))
