--@ leases killed put
-- Kills firings that are targeted at a worker that is not listed.
local function targets_by_worker()
  local workers, order = {}, {}
  for _, name in ipairs(call('SMEMBERS', P .. 't')) do
    local place, target = name:match('^(.-)\n(.*)$')
    if not workers[target] then
      workers[target] = {}
      order[#order + 1] = target
    end
    table.insert(workers[target], place)
  end
  return workers, order
end
-- Puts back into line the targeted firings of the worker whose leases ended. This counts no death: the worker had left
-- the list.
local function release_copies(worker)
  for _, token in ipairs(call('SMEMBERS', P .. 'h:' .. worker)) do
    local meta = meta_of(token)
    local line = meta and P .. 'e:' .. meta.place
    local whole = meta and tonumber(call('ZSCORE', line, token) or now + 1)
    if meta and (whole <= now or call('HEXISTS', P .. 'l:' .. token, '*') == 0) then
      for id, flags in pairs(held_by(token)) do
        local apart = flags:find('!', 1, true)
        local ends = apart and tonumber(call('ZSCORE', line, token .. ':' .. id)) or whole
        local firing = ends <= now and load(id)
        if firing and firing.target == worker then
          take_from(token, meta, id, flags)
          give_back(id, token, meta)
        end
      end
      drop_if_empty(token, meta)
    end
  end
end
local function kill_copies(worker, places, chunk)
  local doomed = {}
  for _, place in ipairs(places or {}) do
    for rank in (call('HGET', P .. 'q:' .. place, 'ranks') or ''):gmatch('.') do
      for _, member in ipairs(call('ZRANGE', line_of(place, rank, worker), 0, -1)) do
        local firing = load(member:sub(1, 24))
        if out_of_line(firing) then
          doomed[#doomed + 1] = firing
        end
      end
    end
    if call('EXISTS', P .. 'h:' .. worker) == 0 then
      call('SREM', P .. 't', place .. '\n' .. worker)
    end
  end
  file_killed(doomed, chunk)
  return #doomed
end
