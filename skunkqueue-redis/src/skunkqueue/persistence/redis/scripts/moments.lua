-- When the next firing is due that a worker may have on a place, and when the next lease there ends; nothing where none.
local function moments(place, worker, ranks, aimed)
  local due
  local function consider(line)
    local when = tonumber(call('ZRANGE', line, 0, 0, 'WITHSCORES')[2])
    due = when and (not due or when < due) and when or due
  end
  for rank in ranks:gmatch('.') do
    consider(line_of(place, rank))
    if aimed then
      consider(line_of(place, rank, worker))
    end
  end
  return due, tonumber(call('ZRANGE', P .. 'e:' .. place, 0, 0, 'WITHSCORES')[2])
end
