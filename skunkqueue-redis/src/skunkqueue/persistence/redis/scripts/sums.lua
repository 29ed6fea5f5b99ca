--@ msgpack places standing
-- busiest: adds up routes. Takes places, and how many of the busiest are wanted. Answers with [queue, routes, paused,
-- pending, running, complete, error, killed, expired] for each queue, and with [place, pending and running] of each of
-- the busiest.
local targets = targets_by_place()
local sums, names, busy = {}, {}, {}
for i, place in ipairs(R[4]) do
  local about = call(
    'HMGET', P .. 'q:' .. place, 'paused', 'qpaused', 'ranks', 'complete', 'error', 'killed', 'expired'
  )
  local pending, running = live_of(place, about[3], targets)
  local queue = queue_of(place)
  local sum = sums[queue]
  if not sum then
    sum = { 0, 0, 0, 0, 0, 0, 0, 0 }
    sums[queue] = sum
    names[#names + 1] = queue
  end
  sum[1] = sum[1] + 1
  sum[2] = sum[2] + ((about[1] or about[2]) and 1 or 0)
  sum[3] = sum[3] + pending
  sum[4] = sum[4] + running
  for j = 4, 7 do
    sum[j + 1] = sum[j + 1] + (about[j] or 0)
  end
  busy[i] = { place, pending + running }
end
table.sort(busy, function(one, other)
  if one[2] ~= other[2] then
    return one[2] > other[2]
  end
  return one[1] < other[1]
end)
local parts, first = { '\146', array(#names) }, {}
for _, queue in ipairs(names) do
  parts[#parts + 1] = '\153' .. str(queue)
  for _, n in ipairs(sums[queue]) do
    parts[#parts + 1] = u64(n)
  end
end
for i = 1, #busy do
  -- Where several are as busy as the last one, their order by name is not for this script to know: names are quoted.
  if i > R[5] and (R[5] == 0 or busy[i][2] < busy[R[5]][2]) then
    break
  end
  first[i] = '\146' .. str(busy[i][1]) .. u64(busy[i][2])
end
return table.concat(parts) .. array(#first) .. table.concat(first)
