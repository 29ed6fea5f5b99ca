--@ base once wire places bells stats put records leases ending pruning
-- finish: what settle does where all outcomes are final and nothing follows. R[4]: groups of one token, state and
-- ttl: token, ids, state, ttl, chunk, [bucket, first and last number of its ids and ends, ...], counters. Where some are stale it changes
-- nothing and answers with them, so that the counters of the others can be added up anew.
local stale, flags_of = {}, {}
for g, group in ipairs(R[4]) do
  local ids = group[2]
  local held = {}
  for first = 1, #ids, SLICE do
    local last = math.min(first + SLICE - 1, #ids)
    local got = call('HMGET', P .. 'l:' .. group[1], unpack(ids, first, last))
    for i = first, last do
      held[i] = got[i - first + 1]
      if not held[i] then
        stale[#stale + 1] = ids[i]
      end
    end
  end
  flags_of[g] = held
end
if #stale > 0 then
  return cmsgpack.pack(stale)
end
-- Those whose time is over must go as fast as others come; sweeping alone could not keep up.
local coming = 0
for _, group in ipairs(R[4]) do
  coming = coming + #group[2]
end
prune_past_ttl(2 * coming)
for g, group in ipairs(R[4]) do
  local token, ids, state, ttl, chunk, ends, values = unpack(group, 1, 7)
  local meta = meta_of(token)
  for i, flags in ipairs(flags_of[g]) do
    if flags ~= '' then
      if flags:find('k', 1, true) then
        call('HDEL', P .. 'k:' .. queue_of(meta.place), load(ids[i]).key)
      end
      if flags:find('!', 1, true) then
        call('ZREM', P .. 'e:' .. meta.place, token .. ':' .. ids[i])
      end
    end
  end
  for first = 1, #ids, SLICE do
    call('HDEL', P .. 'l:' .. token, unpack(ids, first, math.min(first + SLICE - 1, #ids)))
  end
  drop_if_empty(token, meta)
  for i = 1, #ends, 3 do
    call('HSET', P .. 'd:' .. ends[i], unpack(ARGV, ends[i + 1], ends[i + 2]))
  end
  file_away(meta.place, state, ids, chunk, ttl, meta.worker)
  tally(meta.place, values)
end
return done(NIL)
