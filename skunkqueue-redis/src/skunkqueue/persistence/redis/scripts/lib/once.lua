--@ request
-- For verbs that must not be done twice when a reply was lost and the request is sent again. A nonce is `slot.number`.
-- A slot has one call at a time, so only its last answer is kept. Every request looks for it, also one that is not sent
-- again: the network may have held it back, and delivered the second one first.
local slot = P .. 'did:' .. R[2]:match('^[^.]*')
local before = call('GET', slot)
if before and before:sub(1, #R[2] + 1) == R[2] .. '\n' then
  return before:sub(#R[2] + 2)
end
local function done(reply)
  call('DEL', P .. 'room') -- as in room.lua, for verbs that had nothing to do
  call('SET', slot, R[2] .. '\n' .. reply, 'EX', 120)
  return reply
end
