--@ lines
-- When the next firing of a place is due; with `worker`, also of those targeted at it. nil: there is none.
local function first_due(place, ranks, worker)
  local due
  for rank in ranks:gmatch('.') do
    local when = tonumber(call('ZRANGE', line_of(place, rank), 0, 0, 'WITHSCORES')[2])
    due = when and (not due or when < due) and when or due
    when = worker and tonumber(call('ZRANGE', line_of(place, rank, worker), 0, 0, 'WITHSCORES')[2])
    due = when and (not due or when < due) and when or due
  end
  return due
end
-- When the next lease of a place ends; nil: there is none.
local function first_end(place)
  return tonumber(call('ZRANGE', P .. 'e:' .. place, 0, 0, 'WITHSCORES')[2])
end
