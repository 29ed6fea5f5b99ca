-- Kills what is targeted at a worker that is not listed: pending, or running with its lease over.
local function kill_copies(worker, chunk)
  local doomed = {}
  for _, name in ipairs(call('SMEMBERS', P .. 't')) do
    local place, target = name:match('^(.-)\n(.*)$')
    if target == worker then
      for rank in (call('HGET', P .. 'q:' .. place, 'ranks') or ''):gmatch('.') do
        for _, member in ipairs(call('ZRANGE', line_of(place, rank, worker), 0, -1)) do
          local firing = load(member:sub(1, 24))
          if out_of_line(firing) then
            doomed[#doomed + 1] = firing
          end
        end
      end
      if call('EXISTS', P .. 'h:' .. worker) == 0 then
        call('SREM', P .. 't', name)
      end
    end
  end
  file_killed(doomed, chunk)
  return #doomed
end
