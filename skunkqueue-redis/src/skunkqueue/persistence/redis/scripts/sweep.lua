--@ base once wire places bells stats put records holding leases ending killing mail burying pruning clock
-- sweep: limit, chunk. Answers how much was done.
local n = mind_the_clock()
for _, worker in ipairs(call('ZRANGEBYSCORE', P .. 'wz', '-inf', now, 'LIMIT', 0, R[4])) do
  strike_off(worker)
  n = n + 1
end
local targets = call('SMEMBERS', P .. 't')
if #targets > 0 then
  local seen = {}
  for i, name in ipairs(targets) do
    local place, target = name:match('^(.-)\n(.*)$')
    if not seen[target] and not lives(target) then
      seen[target] = true
      -- Nobody else may claim what it was lent, so nobody else will take it back.
      while reclaim(place) do
      end
      n = n + kill_copies(target, R[5] .. i)
    end
  end
end
call('ZREMRANGEBYSCORE', P .. 'y', '-inf', now)
return done(u64(n + prune_past_ttl(R[4])))
