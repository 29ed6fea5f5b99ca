--@ msgpack leases first_due room
-- claim, every case: place, worker, limit, lease in seconds. Answers with the claims (0), or that there are none (1).
-- A limit of 0 only takes back what the first try was lent.
local place, worker, limit, lease, nonce = R[4], R[5], R[6], R[7], R[2]
if R[3] then
  -- Sent again: the reply to the first try may be lost, so the firings that it was lent go back into line.
  for _, token in ipairs(call('SMEMBERS', P .. 'h:' .. worker)) do
    local meta = meta_of(token)
    if meta and meta.nonce == nonce then
      for id, flags in pairs(held_by(token)) do
        take_from(token, meta, id, flags)
        into_line(load(id))
      end
      drop_if_empty(token, meta)
    end
  end
end
local about = call('HMGET', P .. 'q:' .. place, 'paused', 'qpaused', 'aimed', 'ranks')
local ranks = about[4]
if not ranks or about[1] or about[2] or limit < 1 then
  if ranks and limit < 1 then
    -- The first try may have taken a wake-up, and have lent nothing since it was not the usual case.
    wake(place)
  end
  return array(3) .. '\1' .. NIL .. NIL
end
-- Takes back some of the firings whose leases ended; where more are left, the next claim goes on.
if reclaim(place) then
  about = call('HMGET', P .. 'q:' .. place, 'paused', 'qpaused', 'aimed', 'ranks')
end
local targeted = tonumber(about[3] or 0) > 0
local members, special = {}, false
for rank in ranks:gmatch('.') do
  local line = P .. 'r:' .. place .. ':' .. rank
  local need = limit - #members
  local found = call('ZRANGEBYSCORE', line, '-inf', now, 'LIMIT', 0, need)
  local mine, own = {}, nil
  if targeted then
    own = line_of(place, rank, worker)
    mine = call('ZRANGEBYSCORE', own, '-inf', now, 'WITHSCORES', 'LIMIT', 0, need)
  end
  if #mine > 0 then
    -- Merges both lines, by due time and id.
    local scored = call('ZRANGEBYSCORE', line, '-inf', now, 'WITHSCORES', 'LIMIT', 0, need)
    local all = {}
    for i = 1, #scored, 2 do
      all[#all + 1] = { tonumber(scored[i + 1]), scored[i], line }
    end
    for i = 1, #mine, 2 do
      all[#all + 1] = { tonumber(mine[i + 1]), mine[i], own }
    end
    table.sort(all, function(a, b)
      return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2])
    end)
    for i = 1, math.min(need, #all) do
      local one = all[i]
      local alone = one[2]:find('a', 25, true)
      if alone and #members > 0 then
        special = true
        break
      end
      call('ZREM', one[3], one[2])
      if one[3] == own then
        call('HINCRBY', P .. 'q:' .. place, 'aimed', -1)
      end
      members[#members + 1] = one[2]
      if alone then
        special = true
        break
      end
    end
  else
    local taken = 0
    for i = 1, #found do
      local one = found[i]
      if #one > 24 and one:find('a', 25, true) then
        special = true
        if #members == 0 then
          members[1] = one
          taken = taken + 1
        end
        break
      end
      members[#members + 1] = one
      taken = taken + 1
    end
    if taken > 0 then
      call('ZREMRANGEBYRANK', line, 0, taken - 1)
    end
  end
  if special or #members >= limit then
    break
  end
end
local n = #members
if n == 0 then
  local due, over = first_due(place, ranks, targeted and worker), first_end(place)
  --@ inline_nothing_due
end
local ids, held, extras = {}, {}, nil
for i, member in ipairs(members) do
  local id, flags = member, ''
  if #member > 24 then
    id = member:sub(1, 24)
    if member:find('x', 25, true) then
      extras = extras or {}
      extras[#extras + 1] = { i - 1, id }
      flags = 'x'
    end
    if member:find('k', 25, true) then
      flags = flags .. 'k'
    end
  end
  ids[i] = id
  held[2 * i - 1] = id
  held[2 * i] = flags
end
--@ inline_lease
call('HSET', P .. 'l:' .. token, '', meta)
for first = 1, 2 * n, SLICE do
  call('HSET', P .. 'l:' .. token, unpack(held, first, math.min(first + SLICE - 1, 2 * n)))
end
--@ inline_claims
if extras then
  reply[r + 1] = array(#extras)
  r = r + 1
  for _, one in ipairs(extras) do
    local x = fields_of(call('HGETALL', P .. 'x:' .. one[2]))
    reply[r + 1] = '\151' .. u64(one[1]) .. maybe(f64, tonumber(x.due)) .. (x.noexp and YES or NO)
      .. maybe(bin, x.carry) .. u64(tonumber(x.deaths or 0)) .. str(x.evidence or '') .. (x.kill and YES or NO)
    r = r + 1
  end
else
  reply[r + 1] = NIL
end
--@ inline_wake_others
return table.concat(reply)
