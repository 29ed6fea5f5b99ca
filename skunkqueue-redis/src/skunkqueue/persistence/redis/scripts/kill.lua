--@ once killed mailboxes records room
-- kill. Takes [id, number of the argument with the command] for each firing, and the name of a chunk for those that
-- end. Answers with the state that each firing had (false: unknown).
local before, doomed = {}, {}
local known = { many = #R[4] > 8 }
for i, one in ipairs(R[4]) do
  local id = one[1]
  local firing = load(id)
  local ended = firing and call('HGET', P .. 'd:' .. bucket_of(id), id)
  if not firing then
    before[i] = false
  elseif ended then
    before[i] = select(3, cmsgpack.unpack_limit(ended, 2, 1))
  elseif out_of_line(firing) then
    before[i] = 'pending'
    doomed[#doomed + 1] = firing
  else
    before[i] = 'running'
    note(firing, { kill = 1 })
    local token = lease_of(firing.place, id, known)
    if token then
      send_to(meta_of(token).worker, ARGV[one[2]])
    end
  end
end
file_killed(doomed, R[5])
return done(cmsgpack.pack(before))
