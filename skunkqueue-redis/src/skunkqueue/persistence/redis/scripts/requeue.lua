--@ once chunks room
-- requeue. Takes ids. Answers with the ids that are pending again.
local again = {}
for _, id in ipairs(R[4]) do
  local firing = load(id)
  local ended = firing and call('HGET', P .. 'd:' .. bucket_of(id), id)
  local held = firing and firing.key and P .. 'k:' .. queue_of(firing.place)
  if ended and not (held and call('HEXISTS', held, firing.key) == 1) then
    local _, chunk, _, token, _, last = cmsgpack.unpack_limit(ended, 5, 1)
    local about = take_out(chunk, { [id] = true })
    call('HDEL', P .. 'd:' .. bucket_of(id), id)
    note_job(firing.place, tostring(firing.rank), 1, job_of(firing))
    if held then
      call('HSET', held, firing.key, id)
    end
    call('DEL', P .. 'x:' .. id)
    firing.extras, firing.deaths = nil, 0
    note(firing, { due = precise(now), noexp = 1, token = token, worker = last or about[2] })
    into_line(firing)
    again[#again + 1] = id
  end
end
return done(cmsgpack.pack(again))
