--@ base wire places bells stats put records holding leases moments room
-- claim, where claim.lua could not: place, worker, limit, lease. Answers with the claims (0), or with when to look again
-- (1): in how many seconds the next is due, or a lease ends.
local place, worker, limit, lease = R[4], R[5], R[6], R[7]
local ends = P .. 'e:' .. place
if R[3] then
  -- Sent again: the reply to the first try may have been lost, and what it lent with it.
  for _, token in ipairs(call('SMEMBERS', P .. 'h:' .. worker)) do
    local meta = meta_of(token)
    if meta and meta.nonce == R[2] then
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
  return array(3) .. '\1' .. NIL .. NIL
end
-- Some of what leases ran out on; where that leaves more, the next claim goes on.
if reclaim(place) then
  about = call('HMGET', P .. 'q:' .. place, 'paused', 'qpaused', 'aimed', 'ranks')
end
local aimed = tonumber(about[3] or 0) > 0
local members, special = {}, false
for rank in ranks:gmatch('.') do
  local line = P .. 'r:' .. place .. ':' .. rank
  local need = limit - #members
  local found = call('ZRANGEBYSCORE', line, '-inf', now, 'LIMIT', 0, need)
  local mine, own = {}, nil
  if aimed then
    own = line_of(place, rank, worker)
    mine = call('ZRANGEBYSCORE', own, '-inf', now, 'WITHSCORES', 'LIMIT', 0, need)
  end
  if #mine > 0 then
    -- Both lines in one order, by due time and id.
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
  local due, over = moments(place, worker, ranks, aimed)
  return array(3) .. '\1' .. maybe(f64, due and due - now) .. maybe(f64, over and over - now)
end
-- Not only greater than any before: also where the server lost some of them, with its last second of work.
local token = math.max(tonumber(call('GET', P .. 'token') or 0) + 1, math.floor(now * 1000000))
token = string.format('%.0f', token)
call('SET', P .. 'token', token)
local key = P .. 'l:' .. token
-- A small hash is searched from end to end, and one of hundreds must not be; one long value makes it a table.
local meta = cmsgpack.pack({ worker, place, now, R[2], n > 12 and string.rep(' ', 65) or '' })
local ids, held, extras, k = {}, { '', meta }, nil, 2
for i = 1, n do
  local member = members[i]
  local id = member
  held[k + 2] = ''
  if #member > 24 then
    id = member:sub(1, 24)
    if member:find('x', 25, true) then
      extras = extras or {}
      extras[#extras + 1] = { i - 1, id }
      held[k + 2] = 'x'
    end
    if member:find('k', 25, true) then
      held[k + 2] = held[k + 2] .. 'k'
    end
  end
  ids[i] = id
  held[k + 1] = id
  k = k + 2
end
for first = 1, k, SLICE do
  call('HSET', key, unpack(held, first, math.min(first + SLICE - 1, k)))
end
call('ZADD', ends, now + lease, token)
call('SADD', P .. 'h:' .. worker, token)
local head = '\220\0\16' .. u64(token) .. '\203' .. pack('>d', now)
local reply, r = { array(3), '\0', array(n) }, 3
buckets(ids, function(bucket, first, last)
  local stored = call('HMGET', P .. 'f:' .. bucket, unpack(ids, first, last))
  for i = 1, last - first + 1 do
    reply[r + 1] = head
    reply[r + 2] = stored[i]
    r = r + 2
  end
end)
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
-- Others may be asleep who do not know what is still here, due or not.
local bell, lines = P .. 'g:' .. place, {}
if call('EXISTS', bell) == 0 then
  for rank in ranks:gmatch('.') do
    lines[#lines + 1] = P .. 'r:' .. place .. ':' .. rank
  end
  if call('EXISTS', unpack(lines)) > 0 then
    call('RPUSH', bell, '1')
  end
end
return table.concat(reply)
