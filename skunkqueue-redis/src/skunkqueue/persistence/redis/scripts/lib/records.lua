--@ msgpack leases places matching
-- Firings as records.py decodes them: [stored, extras, running, end, finished, worker].
local index_leases
local function lease_of(place, id, known)
  if known.many then
    if not known[place] then
      index_leases(place, known)
    end
    local found = known[place][id]
    if found then
      return found[1], found[2]
    end
    return nil
  end
  local tokens = known[place]
  if not tokens then
    tokens = {}
    known[place] = tokens
    for _, name in ipairs(call('ZRANGE', P .. 'e:' .. place, 0, -1, 'WITHSCORES')) do
      tokens[#tokens + 1] = name
    end
  end
  local found
  for i = 1, #tokens, 2 do
    local token, one = tokens[i]:match('^(%d+):(.+)$')
    if one == id then
      return token, tonumber(tokens[i + 1])
    elseif not one and not found and holds(tokens[i], id) then
      found = i
    end
  end
  if found then
    return tokens[found], tonumber(tokens[found + 1])
  end
end
local function extras_of(x)
  return '\154' .. maybe(f64, tonumber(x.due)) .. maybe(u64, tonumber(x.token)) .. maybe(bin, x.carry)
    .. u64(tonumber(x.deaths or 0)) .. str(x.evidence or '') .. (x.kill and YES or NO) .. maybe(bin, x.progress)
    .. maybe(str, x.worker) .. (x.noexp and YES or NO) .. maybe(str, x.error)
end
-- When the firings of a chunk ended, and with which worker. Firings that are read together often share their chunk, which
-- may name a thousand.
local heads = {}
local function head_of(chunk)
  if not heads[chunk] then
    local _, finished, worker = cmsgpack.unpack_limit(call('HGET', P .. 'c', chunk), 2, 1)
    heads[chunk] = f64(finished) .. str(worker)
  end
  return heads[chunk]
end
-- nil where the firing is unknown. `stored` and `ended`: what is stored of it, and of its end, if any.
local function record(id, known, stored, ended)
  local firing = stored and load(id, false, stored)
  if not firing then
    return nil
  end
  local head = '\150\158' .. firing.stored .. (firing.extras and extras_of(firing.extras) or NIL)
  if ended then
    return head .. NIL .. ended .. head_of((select(2, cmsgpack.unpack_one(ended, 1))))
  end
  if is_pending(firing) then
    return head .. NIL .. NIL .. NIL .. NIL
  end
  local token, ends = lease_of(firing.place, id, known)
  if not token then
    return nil
  end
  local meta = meta_of(token)
  return head .. '\148' .. u64(token) .. f64(meta.claimed) .. str(meta.worker) .. f64(ends - now) .. NIL .. NIL .. NIL
end
-- An index of all leases of a place. Looking for each of many firings in each of many leases would take their product.
function index_leases(place, known)
  local index = {}
  for _, pair in ipairs({ 0, 1 }) do
    local names = call('ZRANGE', P .. 'e:' .. place, 0, -1, 'WITHSCORES')
    for i = 1, #names, 2 do
      local token, one = names[i]:match('^(%d+):(.+)$')
      local ends = tonumber(names[i + 1])
      if one and pair == 1 then
        index[one] = { token, ends }
      elseif not one and pair == 0 then
        for _, id in ipairs(ids_in(names[i])) do
          index[id] = { names[i], ends }
        end
      end
    end
  end
  known[place] = index
end
local function records(ids)
  local reply, known = { array(#ids) }, {}
  known.many = #ids > 8
  local stored, ends = read_all('f:', ids), read_all('d:', ids)
  for i, id in ipairs(ids) do
    reply[i + 1] = record(id, known, stored[i], ends[i]) or NIL
  end
  return table.concat(reply)
end
