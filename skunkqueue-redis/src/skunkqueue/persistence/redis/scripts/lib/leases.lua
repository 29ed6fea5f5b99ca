--@ firings lease_ids counters
-- Leases: what one claim lent (lease_ids.lua tells how it is stored). A sorted set of the route has the ends, of whole
-- leases and of the firings in them that are flagged.
local function meta_of(token)
  local packed = call('HGET', P .. 'l:' .. token, '')
  if not packed then
    return nil
  end
  local worker, place, claimed, nonce = unpack(cmsgpack.unpack(packed))
  return { worker = worker, place = place, claimed = claimed, nonce = nonce }
end
local function drop_if_empty(token, meta)
  local key = P .. 'l:' .. token
  if call('HLEN', key) <= 1 then
    call('DEL', key)
    call('ZREM', P .. 'e:' .. meta.place, token)
    call('SREM', P .. 'h:' .. meta.worker, token)
  end
end
-- Stores each firing of a lease in a field of its own, so that they can be treated apart.
local function unfold(token)
  local key = P .. 'l:' .. token
  local ids = call('HEXISTS', key, '*') == 1 and ids_in(token) or {}
  if #ids > 0 then
    call('DEL', P .. 'room') -- as in room.lua
  end
  for first = 1, #ids, SLICE do
    local fields = {}
    for i = first, math.min(first + SLICE - 1, #ids) do
      fields[#fields + 1] = ids[i]
      fields[#fields + 1] = ''
    end
    call('HSET', key, unpack(fields))
  end
  call('HDEL', key, '*')
end
local function held_by(token)
  unfold(token)
  local held = fields_of(call('HGETALL', P .. 'l:' .. token))
  held[''] = nil
  return held
end
local function take_from(token, meta, id, flags)
  call('HDEL', P .. 'l:' .. token, id)
  if flags:find('!', 1, true) then
    call('ZREM', P .. 'e:' .. meta.place, token .. ':' .. id)
  end
end
-- Puts a firing of a lease back into line. `death`, where it counts one: the line of evidence.
local function give_back(id, token, meta, death)
  local firing = load(id)
  if not firing then
    return
  end
  local changes = { token = token, worker = meta.worker }
  if death then
    if not death:find('"begun":false', 1, true) then
      count(meta.place, 'deaths', 1, job_of(firing))
    end
    changes.deaths = firing.deaths + 1
    changes.evidence = (firing.extras and firing.extras.evidence or '') .. death
  end
  note(firing, changes)
  into_line(firing)
end
local function death_by_lease(worker, begun)
  local unknown = begun and '' or ',"begun":false'
  return string.format('{"at":%.6f,"worker":%s,"cause":"lease"%s}\n', now, cjson.encode(worker), unknown)
end
-- Takes back some of the firings of a place whose leases ended; returns whether there were any.
local function reclaim(place)
  local ends = P .. 'e:' .. place
  local over = call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 16)
  for _, name in ipairs(over) do
    local token, one = name:match('^(%d+):(.+)$')
    token = token or name
    local meta = meta_of(token)
    if not meta then
      call('ZREM', ends, name)
    else
      for id, flags in pairs(held_by(token)) do
        local apart = flags:find('!', 1, true)
        if one == id or (not one and not apart) then
          take_from(token, meta, id, flags)
          give_back(id, token, meta, death_by_lease(meta.worker, flags:find('b', 1, true)))
        end
      end
      call('ZREM', ends, name)
      drop_if_empty(token, meta)
    end
  end
  return #over > 0
end
