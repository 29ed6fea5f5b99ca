-- Forgets finished firings of a chunk, at most `limit`; answers how many. The ids of those that ended just now stay known
-- for longer than any request is sent again.
local KNOWN = 150
local function prune_chunk(chunk, limit)
  local packed = call('HGET', P .. 'c', chunk)
  if not packed then
    call('ZREM', P .. 'gone', chunk)
    return 0
  end
  local finished, worker, place, state, listed = unpack(cmsgpack.unpack(packed))
  local ids = {}
  for i = 1, math.min(#listed / 24, limit) do
    ids[i] = listed:sub(24 * i - 23, 24 * i)
  end
  local hollow = now - finished < KNOWN
  forget(ids, hollow)
  if hollow then
    call('ZADD', P .. 'hollow', now + KNOWN, table.concat(ids))
  end
  call('HINCRBY', P .. 'q:' .. place, state, -#ids)
  local rest = listed:sub(24 * #ids + 1)
  if rest == '' then
    call('ZREM', P .. 'n:' .. place .. ':' .. state, chunk)
    call('ZREM', P .. 'gone', chunk)
    call('HDEL', P .. 'c', chunk)
  else
    call('HSET', P .. 'c', chunk, cmsgpack.pack({ finished, worker, place, state, rest }))
  end
  return #ids
end
local function prune_past_ttl(limit)
  local n = 0
  local over = call('ZRANGEBYSCORE', P .. 'hollow', '-inf', now, 'LIMIT', 0, 10)
  for _, listed in ipairs(over) do
    local ids = {}
    for i = 1, #listed / 24 do
      ids[i] = listed:sub(24 * i - 23, 24 * i)
    end
    forget(ids)
    call('ZREM', P .. 'hollow', listed)
  end
  for _, chunk in ipairs(call('ZRANGEBYSCORE', P .. 'gone', '-inf', now, 'LIMIT', 0, limit)) do
    if n >= limit then
      break
    end
    n = n + prune_chunk(chunk, limit - n)
  end
  return n
end
