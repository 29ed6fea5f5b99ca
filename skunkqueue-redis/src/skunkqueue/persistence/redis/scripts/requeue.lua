--@ once chunks room
-- requeue. Takes ids. Answers with the ids that are pending again.
local again, taken, workers = {}, {}, {}
for _, id in ipairs(R[4]) do
  local firing = load(id)
  local ended = firing and call('HGET', P .. 'd:' .. bucket_of(id), id)
  local held = firing and firing.key and P .. 'k:' .. queue_of(firing.place)
  if ended and not (held and call('HEXISTS', held, firing.key) == 1) then
    local _, chunk, _, token, _, last = cmsgpack.unpack_limit(ended, 5, 1)
    if not taken[chunk] then
      taken[chunk] = {}
      workers[chunk] = select(3, cmsgpack.unpack_limit(call('HGET', P .. 'c', chunk), 2, 1))
    end
    taken[chunk][id] = true
    call('HDEL', P .. 'd:' .. bucket_of(id), id)
    note_job(firing.place, tostring(firing.rank), 1, job_of(firing))
    if held then
      call('HSET', held, firing.key, id)
    end
    call('DEL', P .. 'x:' .. id)
    firing.extras, firing.deaths = nil, 0
    note(firing, { due = precise(now), noexp = 1, token = token, worker = last or workers[chunk] })
    into_line(firing)
    again[#again + 1] = id
  end
end
-- All of a chunk at once, since it is read and written as a whole.
for chunk, wanted in pairs(taken) do
  take_out(chunk, wanted)
end
return done(cmsgpack.pack(again))
