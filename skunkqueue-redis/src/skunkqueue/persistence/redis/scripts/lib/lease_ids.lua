--@ request
-- Reading a lease, which is a hash. Under '' it has its holder. Under '*' it has the ids of all its firings, one after
-- the other; or, once some of them were treated apart, it has each id with its flags: `k` the firing has a key, `!` its
-- lease has an end of its own, `b` its job is known to have begun, `x` it was tried before, as its extras tell.
local function holds(token, id)
  local key = P .. 'l:' .. token
  if #id ~= 24 then
    return false
  end
  if call('HEXISTS', key, id) == 1 then
    return true
  end
  local all = call('HGET', key, '*')
  local at = all and all:find(id, 1, true)
  while at and at % 24 ~= 1 do
    at = all:find(id, at + 1, true)
  end
  return at ~= nil and at ~= false
end
local function ids_in(token)
  local key = P .. 'l:' .. token
  local all = call('HGET', key, '*')
  local ids = {}
  if all then
    for i = 1, #all / 24 do
      ids[i] = all:sub(24 * i - 23, 24 * i)
    end
  else
    for _, id in ipairs(call('HKEYS', key)) do
      if id ~= '' then
        ids[#ids + 1] = id
      end
    end
  end
  return ids
end
local function size_of(token)
  local size = call('HSTRLEN', P .. 'l:' .. token, '*')
  return size > 0 and size / 24 or math.max(call('HLEN', P .. 'l:' .. token) - 1, 0)
end
