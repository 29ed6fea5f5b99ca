--@ minutes room
-- counters. Takes places, the first and the last minute or hour, whether these are hours, and whether to count by job.
-- Answers for each place whether all minutes that are over are packed (otherwise ask again), with the packed ones, and
-- with the others.
local first, last, hours, jobs = R[5], R[6], R[7], R[8]
local size = hours and 24 or 60
local function counters(place)
  if call('SISMEMBER', P .. 'routes', place) == 0 then
    return '\147' .. YES .. '\128\128'
  end
  local _, all = fold(place, 20)
  if not all then
    return '\147' .. NO .. '\128\128'
  end
  local head = P .. (hours and (jobs and 'hj:' or 'hs:') or (jobs and 'sj:' or 'sm:')) .. place .. ':'
  local keys = {}
  for part = math.floor(first / size), math.floor(last / size) do
    keys[#keys + 1] = head .. part
  end
  return '\147' .. YES .. packed_in(keys) .. unfolded(place, jobs)
end
local parts = { array(#R[4]) }
for i, place in ipairs(R[4]) do
  parts[i + 1] = counters(place)
end
return table.concat(parts)
