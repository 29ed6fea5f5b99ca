--@ chunks firings
-- Removes finished firings of a chunk, at most `limit`, and returns how many. The ids of those that ended just now stay
-- known for longer than any request is sent again.
local KNOWN = 150
local function forget_for_good(ids, hollow)
  call('DEL', P .. 'room') -- as in room.lua
  forget(ids, hollow)
  if hollow then
    call('ZADD', P .. 'hollow', now + KNOWN, table.concat(ids))
  end
end
local function prune_chunk(chunk, limit)
  local packed = call('HGET', P .. 'c', chunk)
  if not packed then
    call('ZREM', P .. 'gone', chunk)
    return 0
  end
  local about = cmsgpack.unpack(packed)
  local finished, listed = about[1], about[5]
  local ids = split(listed:sub(1, 24 * limit))
  forget_for_good(ids, now - finished < KNOWN)
  shrink(chunk, about, ids, listed:sub(24 * #ids + 1))
  return #ids
end
-- Forgets ids that were known for long enough, about `limit` of them; returns how many.
local function forget_hollow(limit)
  local n, over = 0, nil
  repeat
    over = call('ZRANGEBYSCORE', P .. 'hollow', '-inf', now, 'LIMIT', 0, 10)
    for _, listed in ipairs(over) do
      local ids = split(listed)
      forget(ids)
      call('ZREM', P .. 'hollow', listed)
      n = n + #ids
    end
  until #over == 0 or n >= limit
  return n
end
local function prune_past_ttl(limit)
  local n = 0
  for _, chunk in ipairs(call('ZRANGEBYSCORE', P .. 'gone', '-inf', now, 'LIMIT', 0, limit)) do
    if n >= limit then
      break
    end
    n = n + prune_chunk(chunk, limit - n)
  end
  return n
end
