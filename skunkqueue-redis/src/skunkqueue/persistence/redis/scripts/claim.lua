-- claim, where nothing is special: what idle and busy workers do all day. No pieces and no request to unpack, since each
-- costs microseconds. Arguments: place, worker, limit, lease, nonce, time (empty: the server's).
-- Answers as claim_any.lua does, or with 2, having changed nothing, where that one is needed: leases are over, copies
-- are targeted at one worker, or a firing has a past.
local P, place, limit = KEYS[1], ARGV[1], tonumber(ARGV[3])
local call = redis.call
local about = call('HMGET', P .. 'q:' .. place, 'ranks', 'paused', 'qpaused', 'aimed')
local ranks = about[1]
if not ranks or about[2] or about[3] or limit < 1 then
  return '\147\1\192\192'
end
if about[4] and about[4] ~= '0' then
  return '\147\2\192\192'
end
local now = tonumber(ARGV[6])
if not now then
  local time = call('TIME')
  now = time[1] + time[2] / 1000000
end
local ends = P .. 'e:' .. place
local over = tonumber(call('ZRANGE', ends, 0, 0, 'WITHSCORES')[2])
if over and over <= now then
  return '\147\2\192\192'
end
local taken, n, line = {}, 0, P .. 'r:' .. place .. ':'
for rank in ranks:gmatch('.') do
  local found = call('ZRANGEBYSCORE', line .. rank, '-inf', now, 'LIMIT', 0, limit - n)
  if #found > 0 then
    taken[#taken + 1] = { rank, found }
    n = n + #found
    if n >= limit then
      break
    end
  end
end
if n == 0 then
  local due
  for rank in ranks:gmatch('.') do
    local when = tonumber(call('ZRANGE', line .. rank, 0, 0, 'WITHSCORES')[2])
    due = when and (not due or when < due) and when or due
  end
  return '\147\1' .. (due and '\203' .. struct.pack('>d', due - now) or '\192')
    .. (over and '\203' .. struct.pack('>d', over - now) or '\192')
end
local ids, held, k, keyed = {}, {}, 0, false
for _, part in ipairs(taken) do
  for _, member in ipairs(part[2]) do
    local id, flags = member, ''
    if #member > 24 then
      id, flags = member:sub(1, 24), member:sub(25)
      if flags ~= 'k' then
        return '\147\2\192\192'
      end
      keyed = true
    end
    k = k + 1
    ids[k] = id
    held[2 * k - 1] = id
    held[2 * k] = flags
  end
end
for _, part in ipairs(taken) do
  call('ZREMRANGEBYRANK', line .. part[1], 0, #part[2] - 1)
end
-- Not only greater than any before: also where the server lost some of them, with its last second of work.
local token = math.max(tonumber(call('GET', P .. 'token') or 0) + 1, math.floor(now * 1000000))
token = string.format('%.0f', token)
call('SET', P .. 'token', token)
-- A small hash is searched from end to end, and one of hundreds must not be; one long value makes it a table.
local meta = cmsgpack.pack({ ARGV[2], place, now, ARGV[5], n > 12 and string.rep(' ', 65) or '' })
local lease = P .. 'l:' .. token
if not keyed then
  call('HSET', lease, '', meta, '*', table.concat(ids))
else
  call('HSET', lease, '', meta)
  for first = 1, 2 * n, 4000 do
    call('HSET', lease, unpack(held, first, math.min(first + 3999, 2 * n)))
  end
end
call('ZADD', ends, now + ARGV[4], token)
call('SADD', P .. 'h:' .. ARGV[2], token)
local head = '\220\0\16\207' .. struct.pack('>I8', token) .. '\203' .. struct.pack('>d', now)
local reply, r, first = { '\147\0\221' .. struct.pack('>I4', n) }, 1, 1
while first <= n do
  local bucket = ids[first]:sub(1, 9)
  local last = first
  while last < n and last - first < 3999 and ids[last + 1]:sub(1, 9) == bucket do
    last = last + 1
  end
  local stored = call('HMGET', P .. 'f:' .. bucket, unpack(ids, first, last))
  for i = 1, #stored do
    reply[r + 1] = head
    reply[r + 2] = stored[i]
    r = r + 2
  end
  first = last + 1
end
reply[r + 1] = '\192'
-- Others may be asleep who do not know what is still here, due or not.
local bell = P .. 'g:' .. place
if call('EXISTS', bell) == 0 then
  for rank in ranks:gmatch('.') do
    if call('EXISTS', line .. rank) == 1 then
      call('RPUSH', bell, '1')
      break
    end
  end
end
return table.concat(reply)
