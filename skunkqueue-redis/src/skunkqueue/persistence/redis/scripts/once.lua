-- For verbs that must not be done twice when a reply was lost and the request is sent again.
if R[3] then
  local before = call('GET', P .. 'did:' .. R[2])
  if before then
    return before
  end
end
local function done(reply)
  call('SET', P .. 'did:' .. R[2], reply, 'EX', 120)
  return reply
end
