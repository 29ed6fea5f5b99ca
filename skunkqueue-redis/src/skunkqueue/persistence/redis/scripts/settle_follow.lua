--@ once msgpack finish_all schedules room
-- settle, where all outcomes are final and something follows. Takes groups, as finish_all() does; groups to put in; and
-- refires and their groups, as refire_each() does. Answers as settle_finished.lua does.
local stale = finish_all(R[4])
if stale then
  return cmsgpack.pack(stale)
end
for _, group in ipairs(R[5]) do
  put(group, function() end)
end
refire_each(R[6], R[7])
return done(NIL)
