--@ once msgpack pruning room
-- prune. Takes an age in seconds (false: prune by ttl) and limit. Answers how many firings were removed.
local older, limit = R[4], R[5]
if not older then
  forget_hollow(limit)
  return done(u64(prune_past_ttl(limit)))
end
local n = 0
for _, place in ipairs(call('SMEMBERS', P .. 'routes')) do
  for _, state in ipairs({ 'complete', 'error', 'killed', 'expired' }) do
    local line = P .. 'n:' .. place .. ':' .. state
    for _, chunk in ipairs(call('ZRANGEBYSCORE', line, '-inf', now - older, 'LIMIT', 0, limit)) do
      if n < limit then
        n = n + prune_chunk(chunk, limit - n)
      end
    end
  end
end
return done(u64(n))
