--@ base once wire places bells stats put records holding leases ending chunks pruning finishing schedules room
-- finish_more: the same where something follows. R[5]: groups that are put in. R[6], R[7]: refires and their groups, as
-- refire_each() takes them.
local stale = finish_all(R[4])
if stale then
  return cmsgpack.pack(stale)
end
for _, group in ipairs(R[5]) do
  put(group, function() end)
end
refire_each(R[6], R[7])
return done(NIL)
