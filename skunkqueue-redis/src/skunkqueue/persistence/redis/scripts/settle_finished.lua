--@ once msgpack finish_all
-- settle, the usual case: all outcomes are final, and nothing follows. Takes groups, as finish_all() does. Answers with
-- the ids of the stale outcomes; where there are any, nothing was changed.
local stale = finish_all(R[4])
return stale and cmsgpack.pack(stale) or done(NIL)
