--@ base once wire places bells stats put records holding leases ending chunks pruning finishing
-- finish: what settle does where all outcomes are final and nothing follows. R[4]: groups, as finish_all() takes them.
-- Answers with the ids of the stale; then nothing was changed.
local stale = finish_all(R[4])
return stale and cmsgpack.pack(stale) or done(NIL)
