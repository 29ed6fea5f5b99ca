-- A schedule is a hash of its own, named `queue:name` (quoted); its history a list.
local function schedule_of(name)
  local flat = call('HGETALL', P .. 'z:' .. name)
  return #flat > 0 and fields_of(flat) or nil
end
local function is_live(id)
  if id == '' then
    return false
  end
  local firing = load(id)
  if not firing or is_final(id) then
    return false
  end
  return true
end
-- Removes its firing where that is pending; says whether it is gone.
local function disarm(schedule)
  if schedule.firing == '' then
    return true
  end
  local firing = load(schedule.firing)
  if not firing or not out_of_line(firing) then
    return false
  end
  forget({ firing.id })
  note_job(firing.place, '-', 1, job_of(firing))
  announce({ firing.id })
  return true
end
local function arm(name, group)
  local id = group[8][1]
  put(group, function(_, other)
    id = other
  end)
  call('HSET', P .. 'z:' .. name, 'firing', id, 'next_run', precise(group[3] or now + group[4]))
end
local function remember(name, state)
  if state then
    call('HSET', P .. 'z:' .. name, 'state', ARGV[state])
  end
end
local function remove_schedule(name)
  call('DEL', P .. 'z:' .. name, P .. 'zh:' .. name)
  call('ZREM', P .. 'zs', name)
end
-- What Refire says: name, generation, group, state, run, began, took, interval, history length, verdict.
local function refire(settled, wish)
  local name, generation, group, state, run, began, took, interval, length, verdict = unpack(wish, 1, 10)
  local key = P .. 'z:' .. name
  local known = call('HMGET', key, 'generation', 'firing', 'paused')
  if tonumber(known[1] or '') ~= generation or known[2] ~= settled then
    return
  end
  if not group then
    remove_schedule(name)
    return
  end
  call('RPUSH', P .. 'zh:' .. name, ARGV[run])
  call('LTRIM', P .. 'zh:' .. name, -length, -1)
  call('HINCRBY', key, 'runs', 1)
  call('HSET', key, 'state', ARGV[state], 'last_run', precise(began), 'took', precise(took), 'verdict', verdict)
  if interval then
    call('HSET', key, 'interval', precise(interval))
  else
    call('HDEL', key, 'interval')
  end
  if not known[3] then
    arm(name, group)
  end
end
