--@ leases put wakeups
-- Corrects times after the server's clock was set back, or after a failover to a machine whose clock is behind: what
-- was due stays due, and leases end no later than they would have. A clock that was set forward needs no correction.
-- Whatever sets the end of a lease, or of the listing of a worker or pool, first looks at the clock. So all ends that
-- were set before the last look are by the old time, but for leases that a claim has made since: claims do not look, as
-- that would slow them down.
local function shift_all(key, back)
  for _, member in ipairs(call('ZRANGE', key, 0, -1)) do
    call('ZINCRBY', key, -back, member)
  end
end
local function shift_leases(place, back, seen)
  local key = P .. 'e:' .. place
  for _, name in ipairs(call('ZRANGE', key, 0, -1)) do
    local token = name:match('^%d+')
    local meta = tonumber(token) > seen and meta_of(token)
    if not (meta and meta.claimed <= now) then
      call('ZINCRBY', key, -back, name)
    end
  end
end
local function pull_back_running(place, back)
  for _, name in ipairs(call('ZRANGE', P .. 'e:' .. place, 0, -1)) do
    for _, id in ipairs(ids_in(name:match('^%d+'))) do
      local firing = load(id)
      if firing and firing.due > now and firing.due <= firing.enqueued then
        note(firing, { due = precise(firing.due - back) })
      end
    end
  end
end
-- Moves firings that were due at once, up to `limit` of a line; returns how many it moved.
local function pull_back(line, back, limit)
  local moved = 0
  for _, member in ipairs(call('ZRANGEBYSCORE', line, '(' .. precise(now), now + back + 3600, 'LIMIT', 0, limit)) do
    local firing = load(member:sub(1, 24))
    if firing.due <= firing.enqueued then
      call('ZREM', line, member)
      note(firing, { due = precise(math.min(firing.due - back, now)) })
      call('ZADD', line, firing.due, member_of(firing))
      moved = moved + 1
    end
  end
  return moved
end
local function go_on_pulling(back)
  local left = 2000
  local targets = call('SMEMBERS', P .. 't')
  for _, place in ipairs(call('SMEMBERS', P .. 'routes')) do
    for rank in (call('HGET', P .. 'q:' .. place, 'ranks') or ''):gmatch('.') do
      local lines = { line_of(place, rank) }
      for _, name in ipairs(targets) do
        local where, target = name:match('^(.-)\n(.*)$')
        if where == place then
          lines[#lines + 1] = line_of(place, rank, target)
        end
      end
      for _, line in ipairs(lines) do
        if left > 0 then
          left = left - pull_back(line, back, left)
        end
      end
    end
    wake(place)
  end
  return 2000 - left
end
local function look_at_clock()
  local back = tonumber(call('GET', P .. 'clock') or 0) - now
  local seen = call('GET', P .. 'clocktoken')
  call('SET', P .. 'clock', precise(now))
  call('SET', P .. 'clocktoken', call('GET', P .. 'token') or 0)
  if back <= 1 then
    return
  end
  for _, place in ipairs(call('SMEMBERS', P .. 'routes')) do
    shift_leases(place, back, tonumber(seen or 0))
    pull_back_running(place, back)
  end
  shift_all(P .. 'wz', back)
  shift_all(P .. 'pz', back)
  call('SET', P .. 'clockback', precise(back), 'EX', 3600)
end
local function mind_the_clock()
  look_at_clock()
  local back = tonumber(call('GET', P .. 'clockback') or 0)
  if back == 0 then
    return 0
  end
  local moved = go_on_pulling(back)
  if moved == 0 then
    call('DEL', P .. 'clockback')
  end
  return moved
end
