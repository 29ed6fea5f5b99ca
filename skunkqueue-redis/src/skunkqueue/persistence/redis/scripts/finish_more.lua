--@ base once wire places bells stats put records holding leases ending chunks pruning finishing schedules room
-- finish_more: the same where something follows. R[5]: groups that are put in. R[6]: refires, each the id of what has
-- ended and what refire() takes.
local stale = finish_all(R[4])
if stale then
  return cmsgpack.pack(stale)
end
for _, group in ipairs(R[5]) do
  put(group, function() end)
end
for _, one in ipairs(R[6]) do
  refire(one[1], one[2])
end
return done(NIL)
