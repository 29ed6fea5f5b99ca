-- Forgets finished firings of a chunk, at most `limit`; answers how many.
local function prune_chunk(chunk, limit)
  local finished, worker, place, state, listed = unpack(cmsgpack.unpack(call('HGET', P .. 'c', chunk)))
  local ids = {}
  for i = 1, math.min(#listed / 24, limit) do
    ids[i] = listed:sub(24 * i - 23, 24 * i)
  end
  forget(ids)
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
  for _, chunk in ipairs(call('ZRANGEBYSCORE', P .. 'gone', '-inf', now, 'LIMIT', 0, limit)) do
    if n >= limit then
      break
    end
    n = n + prune_chunk(chunk, limit - n)
  end
  return n
end
