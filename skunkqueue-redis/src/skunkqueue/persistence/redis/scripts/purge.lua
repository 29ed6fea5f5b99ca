--@ once msgpack job_counts room
-- purge. Takes a queue (quoted), and a place or false. Answers how many firings were removed.
local n = 0
local function empty(line)
  while true do
    local members = call('ZRANGE', line, 0, SLICE - 1)
    if #members == 0 then
      return
    end
    local ids = {}
    for i, member in ipairs(members) do
      ids[i] = member:sub(1, 24)
      if member:find('k', 25, true) then
        local firing = load(ids[i])
        call('HDEL', P .. 'k:' .. queue_of(firing.place), firing.key)
      end
    end
    call('ZREMRANGEBYRANK', line, 0, #members - 1)
    forget(ids)
    announce(ids)
    n = n + #members
  end
end
local targets = call('SMEMBERS', P .. 't')
for _, place in ipairs(call('SMEMBERS', P .. 'routes')) do
  if place == R[5] or (not R[5] and queue_of(place) == R[4]) then
    for rank in (call('HGET', P .. 'q:' .. place, 'ranks') or ''):gmatch('.') do
      empty(line_of(place, rank))
      for _, name in ipairs(targets) do
        local where, target = name:match('^(.-)\n(.*)$')
        if where == place then
          empty(line_of(place, rank, target))
        end
      end
    end
    call('HDEL', P .. 'q:' .. place, 'aimed')
    none_waits(place)
  end
end
return done(u64(n))
