--@ places wakeups put
-- One firing as a table, for verbs that look at few: what put() stored, and what happened to it since (its extras, a
-- hash of its own that most firings never have).
local function fields_of(flat)
  local found = {}
  for i = 1, #flat, 2 do
    found[flat[i]] = flat[i + 1]
  end
  return found
end
-- How many bytes the MessagePack binary (or nil) at this position has, and where the next value begins.
local function bin_at(s, at)
  local kind = s:byte(at)
  if kind == 192 then
    return 0, at + 1
  elseif kind == 196 then
    local size = s:byte(at + 1)
    return size, at + 2 + size
  elseif kind == 197 then
    local size = struct.unpack('>I2', s, at + 1)
    return size, at + 3 + size
  end
  local size = struct.unpack('>I4', s, at + 1)
  return size, at + 5 + size
end
-- A firing's labels, and how large its body is. The labels are JSON or nothing, and stand where evidence stood before
-- (labels.py). `offset`: where the body begins.
local function labels_at(stored, offset)
  local size, at = bin_at(stored, offset + 1)
  -- Behind the attempt state (nil) and the deaths (0).
  local _, labels = cmsgpack.unpack_one(stored, at + 1)
  return labels, size
end
local decoded = {}
local function labels_of(firing)
  local text = labels_at(firing.stored, firing.offset)
  if text == '' then
    return { '', {} }
  end
  local labels = decoded[text] or cjson.decode(text)
  labels[2] = labels[2] or {}
  decoded[text] = labels
  return labels
end
local function job_of(firing)
  return labels_of(firing)[1]
end
-- `plain`: the firing is known to have no extras. `stored`: what is stored of it, where that was read already.
local function load(id, plain, stored)
  stored = stored or call('HGET', P .. 'f:' .. bucket_of(id), id)
  if not stored or stored == '' then
    return nil
  end
  local offset, enqueued, due, _, _, queue, route, priority, target, key = cmsgpack.unpack_limit(stored, 9)
  local flat = plain and {} or call('HGETALL', P .. 'x:' .. id)
  local extras = #flat > 0 and fields_of(flat) or nil
  return {
    id = id,
    stored = stored,
    offset = offset,
    extras = extras,
    due = extras and tonumber(extras.due) or due,
    enqueued = enqueued,
    place = quote(queue) .. ':' .. quote(route),
    rank = 9 - priority,
    target = target,
    key = key,
    deaths = extras and tonumber(extras.deaths) or 0,
  }
end
-- How many attempts of a firing began and were settled, before the one that ended it.
local function tries_of(firing)
  return tonumber(firing.extras and firing.extras.tries or 0)
end
-- A firing's name in the line: its id, and flags that a claim must know before it reads the firing.
local function member_of(firing)
  return firing.id .. (firing.key and 'k' or '') .. (firing.extras and 'x' or '')
    .. (firing.deaths > 0 and 'a' or '')
end
local function line_for(firing)
  return line_of(firing.place, firing.rank, firing.target)
end
local function is_pending(firing)
  return call('ZSCORE', line_for(firing), member_of(firing)) ~= false
end
local function is_final(id)
  return call('HEXISTS', P .. 'd:' .. bucket_of(id), id) == 1
end
local function precise(x)
  return string.format('%.17g', x)
end
-- Writes into a firing's extras; a nil value leaves the old one.
local function note(firing, changes)
  local flat = {}
  for name, value in pairs(changes) do
    flat[#flat + 1] = name
    flat[#flat + 1] = value
    firing.extras = firing.extras or {}
    firing.extras[name] = value
  end
  if #flat > 0 then
    call('HSET', P .. 'x:' .. firing.id, unpack(flat))
  end
  firing.due = firing.extras and tonumber(firing.extras.due) or firing.due
  firing.deaths = firing.extras and tonumber(firing.extras.deaths) or 0
end
local function into_line(firing)
  call('ZADD', line_for(firing), firing.due, member_of(firing))
  if firing.target then
    call('HINCRBY', P .. 'q:' .. firing.place, 'aimed', 1)
    call('SADD', P .. 't', firing.place .. '\n' .. firing.target)
    wake_worker(firing.place, firing.target)
  else
    wake(firing.place)
  end
end
-- Returns whether the firing was in line; frees its key.
local function out_of_line(firing)
  if call('ZREM', line_for(firing), member_of(firing)) == 0 then
    return false
  end
  if firing.target then
    call('HINCRBY', P .. 'q:' .. firing.place, 'aimed', -1)
  end
  if firing.key then
    call('HDEL', P .. 'k:' .. queue_of(firing.place), firing.key)
  end
  return true
end
-- `hollow`: their ids stay known, empty, because the request that put one in may be sent again.
local function forget(ids, hollow)
  buckets(ids, function(bucket, first, last)
    local key = P .. 'f:' .. bucket
    if hollow then
      local fields = {}
      for i = first, last do
        fields[#fields + 1] = ids[i]
        fields[#fields + 1] = ''
      end
      call('HSET', key, unpack(fields))
    else
      call('HDEL', key, unpack(ids, first, last))
    end
    call('HDEL', P .. 'd:' .. bucket, unpack(ids, first, last))
    local extras = {}
    for i = first, last do
      extras[#extras + 1] = P .. 'x:' .. ids[i]
    end
    call('UNLINK', unpack(extras))
    if call('EXISTS', key) == 0 then
      call('ZREM', P .. 'b', bucket)
    end
  end)
end
