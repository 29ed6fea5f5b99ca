-- claim, the usual case: no lease has ended, no firing is targeted at one worker, and no firing has been tried before.
-- It loads no pieces up front and unpacks no request, since each of these costs microseconds. Arguments: place, worker,
-- limit, lease in seconds, nonce, time (empty: the server's).
-- Answers as claim_any.lua does; or, where the case is not the usual one, with 2, and then it has changed nothing.
local P, place, worker, limit, lease, nonce = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
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
local over = tonumber(call('ZRANGE', P .. 'e:' .. place, 0, 0, 'WITHSCORES')[2])
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
  -- As first_due(), which would cost a call for each rank.
  local due
  for rank in ranks:gmatch('.') do
    local when = tonumber(call('ZRANGE', line .. rank, 0, 0, 'WITHSCORES')[2])
    due = when and (not due or when < due) and when or due
  end
  --@ inline_nothing_due
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
--@ inline_lease
if not keyed then
  call('HSET', P .. 'l:' .. token, '', meta, '*', table.concat(ids))
else
  call('HSET', P .. 'l:' .. token, '', meta)
  for first = 1, 2 * n, 4000 do
    call('HSET', P .. 'l:' .. token, unpack(held, first, math.min(first + 3999, 2 * n)))
  end
end
--@ inline_claims
reply[r + 1] = '\192'
--@ inline_wake_others
return table.concat(reply)
