--@ base once wire places bells stats put records ending room
-- requeue: ids. Answers with those that were.
local again = {}
for _, id in ipairs(R[4]) do
  local firing = load(id)
  local ended = firing and call('HGET', P .. 'd:' .. bucket_of(id), id)
  local held = firing and firing.key and P .. 'k:' .. queue_of(firing.place)
  if ended and not (held and call('HEXISTS', held, firing.key) == 1) then
    local _, chunk, state, token, _, last = cmsgpack.unpack_limit(ended, 5, 1)
    local finished, worker, place, _, listed = unpack(cmsgpack.unpack(call('HGET', P .. 'c', chunk)))
    local at = 1
    while at <= #listed and listed:sub(at, at + 23) ~= id do
      at = at + 24
    end
    listed = listed:sub(1, at - 1) .. listed:sub(at + 24)
    if listed == '' then
      call('ZREM', P .. 'n:' .. place .. ':' .. state, chunk)
      call('ZREM', P .. 'gone', chunk)
      call('HDEL', P .. 'c', chunk)
    else
      call('HSET', P .. 'c', chunk, cmsgpack.pack({ finished, worker, place, state, listed }))
    end
    call('HDEL', P .. 'd:' .. bucket_of(id), id)
    call('HINCRBY', P .. 'q:' .. place, state, -1)
    if held then
      call('HSET', held, firing.key, id)
    end
    call('DEL', P .. 'x:' .. id)
    firing.extras, firing.deaths = nil, 0
    note(firing, { due = precise(now), noexp = 1, token = token, worker = last or worker })
    into_line(firing)
    again[#again + 1] = id
  end
end
return done(cmsgpack.pack(again))
