--@ base wire places holding
-- routes: queue (quoted) or false. Answers for each with its place, counts and earliest due time.
local reply, n = {}, 0
local targets = {}
for _, name in ipairs(call('SMEMBERS', P .. 't')) do
  local place, target = name:match('^(.-)\n(.*)$')
  targets[place] = targets[place] or {}
  table.insert(targets[place], target)
end
for _, place in ipairs(call('SMEMBERS', P .. 'routes')) do
  if not R[4] or queue_of(place) == R[4] then
    local about = call(
      'HMGET', P .. 'q:' .. place, 'paused', 'qpaused', 'ranks', 'complete', 'error', 'killed', 'expired'
    )
    local pending, running, oldest = 0, 0, nil
    for rank in (about[3] or ''):gmatch('.') do
      local lines = { P .. 'r:' .. place .. ':' .. rank }
      for _, target in ipairs(targets[place] or {}) do
        lines[#lines + 1] = P .. 'a:' .. place .. ':' .. rank .. ':' .. target
      end
      for _, line in ipairs(lines) do
        local size = call('ZCARD', line)
        if size > 0 then
          pending = pending + size
          local due = tonumber(call('ZRANGE', line, 0, 0, 'WITHSCORES')[2])
          oldest = (not oldest or due < oldest) and due or oldest
        end
      end
    end
    local seen = {}
    for _, name in ipairs(call('ZRANGE', P .. 'e:' .. place, 0, -1)) do
      local token = name:match('^%d+')
      if not seen[token] then
        seen[token] = true
        running = running + size_of(token)
      end
    end
    n = n + 1
    reply[n] = '\153' .. str(place) .. ((about[1] or about[2]) and YES or NO) .. u64(pending) .. u64(running)
      .. u64(about[4] or 0) .. u64(about[5] or 0) .. u64(about[6] or 0) .. u64(about[7] or 0) .. maybe(f64, oldest)
  end
end
return array(n) .. table.concat(reply)
