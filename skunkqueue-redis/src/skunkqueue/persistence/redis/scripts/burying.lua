-- Kills what is targeted at a worker that is not listed, on the places it is targeted on.
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
