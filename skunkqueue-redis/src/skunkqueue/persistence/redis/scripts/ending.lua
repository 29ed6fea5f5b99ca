-- How firings become finished, and how finished ones are forgotten. Those that finish together form a chunk.
local function file_away(place, state, ids, chunk, ttl, worker, listed)
  call('ZADD', P .. 'n:' .. place .. ':' .. state, now, chunk)
  call('ZADD', P .. 'gone', now + ttl, chunk)
  call('HSET', P .. 'c', chunk, cmsgpack.pack({ now, worker, place, state, listed or table.concat(ids) }))
  call('HINCRBY', P .. 'q:' .. place, state, #ids)
  announce(ids)
end
