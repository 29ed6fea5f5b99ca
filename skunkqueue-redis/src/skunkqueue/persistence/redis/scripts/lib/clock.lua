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
-- Moves firings that were due at once, and passes over those that were to wait, until `left` is used up; returns whether
-- none is left. `clockat` has for each line where the next sweep goes on.
local function pull_back(line, back, left)
  local from, past = call('HGET', P .. 'clockat', line) or '(' .. precise(now), now + back + 3600
  local skip, last = 0, nil
  while left.moves > 0 and left.looks > 0 do
    local part = call('ZRANGEBYSCORE', line, from, past, 'LIMIT', skip, math.min(left.moves, left.looks, 500))
    if #part == 0 then
      call('HSET', P .. 'clockat', line, '(' .. precise(past))
      return true
    end
    for _, member in ipairs(part) do
      local firing = load(member:sub(1, 24))
      left.looks = left.looks - 1
      if firing.due <= firing.enqueued then
        call('ZREM', line, member)
        note(firing, { due = precise(math.min(firing.due - back, now)) })
        call('ZADD', line, firing.due, member_of(firing))
        left.moves = left.moves - 1
      else
        skip, last = skip + 1, firing.due
      end
    end
  end
  if last then
    -- Again with those that are due at the same time, unless there were only such.
    local again = precise(last)
    call('HSET', P .. 'clockat', line, again == from and '(' .. again or again)
  end
  return false
end
local function go_on_pulling(back)
  local left, all = { moves = 2000, looks = 20000 }, true
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
        all = pull_back(line, back, left) and all
      end
    end
    wake(place)
  end
  return 2000 - left.moves, all
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
  call('DEL', P .. 'clockat')
end
local function mind_the_clock()
  look_at_clock()
  local back = tonumber(call('GET', P .. 'clockback') or 0)
  if back == 0 then
    return 0
  end
  local moved, all = go_on_pulling(back)
  if all then
    call('DEL', P .. 'clockback', P .. 'clockat')
  end
  return moved
end
