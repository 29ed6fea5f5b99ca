--@ put firings wakeups
-- Schedules: each is a hash named `queue:name` (quoted), and a list of its runs.
local function schedule_of(name)
  local flat = call('HGETALL', P .. 'z:' .. name)
  return #flat > 0 and fields_of(flat) or nil
end
-- Reads nothing of the firing, since a sweep asks this for every schedule. One that was removed just now is stored empty.
local function is_live(id)
  return id ~= '' and call('HSTRLEN', P .. 'f:' .. bucket_of(id), id) > 0 and not is_final(id)
end
-- Removes the schedule's firing where that is pending; returns whether it is gone.
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
local function append(fields, name, value)
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end
-- Moves a schedule on after the firing `settled`. `wish` has name, generation, group, state, run, began, took,
-- interval, history length, verdict. Where the group is one of `groups`, `wish` has its number instead, and last the
-- firing's number in it, which is added to `taken` and not put in. The group is false where the schedule has ended, and true
-- where no next run could be planned: then the schedule goes on to name the settled firing.
local function refire(settled, wish, groups, taken)
  local name, generation, group, state, run, began, took, interval, length, verdict, at = unpack(wish, 1, 11)
  local key = P .. 'z:' .. name
  local known = call('HMGET', key, 'generation', 'firing', 'paused', 'runs', 'interval')
  if tonumber(known[1] or '') ~= generation or known[2] ~= settled then
    return
  end
  if not group then
    remove_schedule(name)
    return
  end
  if call('RPUSH', P .. 'zh:' .. name, ARGV[run]) > length then
    call('LTRIM', P .. 'zh:' .. name, -length, -1)
  end
  -- All fields by one command, since each command costs microseconds.
  local fields = {
    'state', ARGV[state], 'last_run', precise(began), 'took', precise(took), 'verdict', verdict,
    'runs', string.format('%.0f', tonumber(known[4] or '0') + 1),
  }
  if interval then
    append(fields, 'interval', precise(interval))
  elseif known[5] then
    call('HDEL', key, 'interval')
  end
  local is_shared = type(group) == 'number'
  if is_shared and not known[3] then
    append(fields, 'firing', groups[group][8][at])
    append(fields, 'next_run', precise(groups[group][3][at]))
    table.insert(taken[group], at)
  end
  call('HSET', key, unpack(fields))
  if group == true then
    call('HDEL', key, 'next_run')
  elseif not is_shared and not known[3] then
    arm(name, group)
  end
end
-- Moves many schedules on; firings in `groups` are put in together. Each of `refires` is the id of the firing that
-- ended, and what refire() takes.
local function refire_each(refires, groups)
  local taken = {}
  for g in ipairs(groups) do
    taken[g] = {}
  end
  for _, one in ipairs(refires) do
    refire(one[1], one[2], groups, taken)
  end
  for g, group in ipairs(groups) do
    if #taken[g] == #group[8] then
      put(group, function() end)
    else
      for _, at in ipairs(taken[g]) do
        local place, rank, dues, delay, expires, expires_in, target, ids, keys, before, jobs, of = unpack(group, 1, 12)
        local job = jobs[of and of[at] or 1]
        put({ place, rank, dues[at], delay, expires, expires_in, target, { ids[at] }, keys, before + at - 1, { job } }, function() end)
      end
    end
  end
end
