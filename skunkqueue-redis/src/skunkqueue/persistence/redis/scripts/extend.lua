--@ clock room
-- extend. Takes [token, ids, those of the ids that have begun] for each lease, and seconds. Answers with the ids that
-- are lost.
look_at_clock()
local lost = {}
local ends = now + R[5]
for _, one in ipairs(R[4]) do
  local token, ids = one[1], one[2]
  local key = P .. 'l:' .. token
  local meta = meta_of(token)
  if not meta then
    for _, id in ipairs(ids) do
      lost[#lost + 1] = id
    end
  else
    unfold(token)
    for _, id in ipairs(one[3]) do
      local flags = call('HGET', key, id)
      if flags and not flags:find('b', 1, true) then
        call('HSET', key, id, flags .. 'b')
      end
    end
    local kept, apart = {}, false
    for first = 1, #ids, SLICE do
      local last = math.min(first + SLICE - 1, #ids)
      local got = call('HMGET', key, unpack(ids, first, last))
      for i = first, last do
        local flags = got[i - first + 1]
        if flags then
          kept[#kept + 1] = { ids[i], flags }
          apart = apart or flags:find('!', 1, true)
        else
          lost[#lost + 1] = ids[i]
        end
      end
    end
    local line = P .. 'e:' .. meta.place
    local before = tonumber(call('ZSCORE', line, token))
    local sooner = before and ends < before and #kept > 0
    if #kept == call('HLEN', key) - 1 and not apart then
      call('ZADD', line, ends, token)
    else
      for _, pair in ipairs(kept) do
        local own = apart and tonumber(call('ZSCORE', line, token .. ':' .. pair[1]))
        sooner = sooner or (own and ends < own)
        if not pair[2]:find('!', 1, true) then
          call('HSET', key, pair[1], pair[2] .. '!')
        end
        call('ZADD', line, ends, token .. ':' .. pair[1])
      end
    end
    if sooner then
      -- Those who wait only know the end before.
      wake(meta.place)
    end
  end
end
return cmsgpack.pack(lost)
