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
local function running_on(place)
  local running, seen = 0, {}
  for _, name in ipairs(call('ZRANGE', P .. 'e:' .. place, 0, -1)) do
    local token = name:match('^%d+')
    if not seen[token] then
      seen[token] = true
      running = running + size_of(token)
    end
  end
  return running
end
-- Calls visit(line, size) for each line of a place in which something waits; returns how much does, and how much runs.
local function live_of(place, ranks, targets, visit)
  local pending = 0
  local function look(line)
    local size = call('ZCARD', line)
    pending = pending + size
    if visit and size > 0 then
      visit(line)
    end
  end
  for rank in (ranks or ''):gmatch('.') do
    look(P .. 'r:' .. place .. ':' .. rank)
    for _, target in ipairs(targets[place] or {}) do
      look(P .. 'a:' .. place .. ':' .. rank .. ':' .. target)
    end
  end
  return pending, running_on(place)
end
local function standing(place, ranks, targets)
  local oldest
  local pending, running = live_of(place, ranks, targets, function(line)
    local due = tonumber(call('ZRANGE', line, 0, 0, 'WITHSCORES')[2])
    oldest = (not oldest or due < oldest) and due or oldest
  end)
  return pending, running, oldest
end
