--@ lease_ids
-- How many firings of a place are pending and running, and when the first in line is due.
local function targets_by_place()
  local targets = {}
  for _, name in ipairs(call('SMEMBERS', P .. 't')) do
    local place, target = name:match('^(.-)\n(.*)$')
    targets[place] = targets[place] or {}
    table.insert(targets[place], target)
  end
  return targets
end
local function standing(place, ranks, targets)
  local pending, running, oldest = 0, 0, nil
  for rank in (ranks or ''):gmatch('.') do
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
  return pending, running, oldest
end
