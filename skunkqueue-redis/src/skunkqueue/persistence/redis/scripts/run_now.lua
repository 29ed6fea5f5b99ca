--@ once firings room
-- run_now. Takes ids. Answers with the state that each firing had (false: unknown).
local before = {}
for i, id in ipairs(R[4]) do
  local firing = load(id)
  local ended = firing and call('HGET', P .. 'd:' .. bucket_of(id), id)
  if not firing then
    before[i] = false
  elseif ended then
    before[i] = select(3, cmsgpack.unpack_limit(ended, 2, 1))
  elseif is_pending(firing) then
    before[i] = 'pending'
    if firing.due > now then
      local line = line_for(firing)
      call('ZREM', line, member_of(firing))
      note(firing, { due = precise(now) })
      call('ZADD', line, firing.due, member_of(firing))
      if firing.target then
        wake_worker(firing.place, firing.target)
      else
        wake(firing.place)
      end
    end
  else
    before[i] = 'running'
  end
end
return done(cmsgpack.pack(before))
