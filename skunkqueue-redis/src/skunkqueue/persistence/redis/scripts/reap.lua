--@ once mailboxes targeted room
-- reap. Takes worker, the ids of firings that had begun, the line of evidence, and the name of a chunk. Answers how
-- many firings went back into line.
local worker = R[4]
local begun = {}
for _, id in ipairs(R[5]) do
  begun[id] = true
end
unlist(worker)
local n = 0
for _, token in ipairs(call('SMEMBERS', P .. 'h:' .. worker)) do
  local meta = meta_of(token)
  if meta then
    for id, flags in pairs(held_by(token)) do
      take_from(token, meta, id, flags)
      give_back(id, token, meta, begun[id] and R[6])
      n = n + 1
    end
    drop_if_empty(token, meta)
  end
end
kill_copies(worker, targets_by_worker()[worker], R[7])
return done(u64(n))
