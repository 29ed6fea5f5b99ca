--@ minutes room
-- counters. Takes place, the first and the last minute or hour, whether these are hours, and whether to count by job.
-- Answers whether all minutes that are over are packed (otherwise ask again), with the packed ones, and with the
-- others.
local place, first, last, hours, jobs = R[4], R[5], R[6], R[7], R[8]
if call('SISMEMBER', P .. 'routes', place) == 0 then
  return '\147' .. YES .. '\128\128'
end
local _, all = fold(place, 20)
if not all then
  return '\147' .. NO .. '\128\128'
end
local head, size = P .. (jobs and 'sj:' or 'sm:') .. place .. ':', 60
if hours then
  head, size = P .. (jobs and 'hj:' or 'hs:') .. place .. ':', 24
end
local keys = {}
for part = math.floor(first / size), math.floor(last / size) do
  keys[#keys + 1] = head .. part
end
return '\147' .. YES .. packed_in(keys) .. unfolded(place, jobs)
