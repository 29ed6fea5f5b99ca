--@ msgpack places standing
-- routes. Takes a queue (quoted) or false, and places or false: all. Answers with one value: each route's place, counts and
-- earliest due time; nil where all are too many for one script.
local reply, n = {}, 0
local targets = targets_by_place()
if not R[5] and call('SCARD', P .. 'routes') > 500 then
  return '\145' .. NIL
end
for _, place in ipairs(R[5] or call('SMEMBERS', P .. 'routes')) do
  if not R[4] or queue_of(place) == R[4] then
    local about = call(
      'HMGET', P .. 'q:' .. place, 'paused', 'qpaused', 'ranks', 'complete', 'error', 'killed', 'expired'
    )
    local pending, running, oldest = standing(place, about[3], targets)
    n = n + 1
    reply[n] = '\153' .. str(place) .. ((about[1] or about[2]) and YES or NO) .. u64(pending) .. u64(running)
      .. u64(about[4] or 0) .. u64(about[5] or 0) .. u64(about[6] or 0) .. u64(about[7] or 0) .. maybe(f64, oldest)
  end
end
return '\145' .. array(n) .. table.concat(reply)
