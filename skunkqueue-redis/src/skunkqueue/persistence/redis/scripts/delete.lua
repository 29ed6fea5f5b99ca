--@ once pruning room
-- delete. Takes ids. Answers with the state that each firing had (false: unknown).
local before, open, order, gone = {}, {}, {}, {}
for i, id in ipairs(R[4]) do
  local firing = load(id)
  local ended = firing and call('HGET', P .. 'd:' .. bucket_of(id), id)
  if not firing then
    before[i] = false
  elseif ended then
    local _, chunk, state = cmsgpack.unpack_limit(ended, 2, 1)
    before[i] = state
    if not open[chunk] then
      open[chunk] = {}
      order[#order + 1] = chunk
    end
    open[chunk][id] = true
  elseif out_of_line(firing) then
    before[i] = 'pending'
    note_job(firing.place, '-', 1, job_of(firing))
    gone[#gone + 1] = id
  else
    before[i] = 'running'
  end
end
for _, chunk in ipairs(order) do
  local ids = {}
  for id in pairs(open[chunk]) do
    ids[#ids + 1] = id
  end
  table.sort(ids)
  take_out(chunk, open[chunk])
  forget_for_good(ids, true)
end
if #gone > 0 then
  table.sort(gone)
  forget_for_good(gone, true)
  announce(gone)
end
return done(cmsgpack.pack(before))
