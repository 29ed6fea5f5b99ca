-- Counters of a place, by the minute; names and values as counters.tally makes them.
local function stats_of(place)
  return P .. 's:' .. place .. ':' .. math.floor(now / 60)
end
local function count(place, name, n)
  local key = stats_of(place)
  if call('HINCRBY', key, name, n) == n then
    call('EXPIRE', key, 172800)
  end
end
local function tally(place, values)
  local key = stats_of(place)
  for i = 1, #values, 2 do
    local name = values[i]
    if name == 'wait' or name == 'run' then
      call('HINCRBYFLOAT', key, name, values[i + 1])
    else
      call('HINCRBY', key, name, values[i + 1])
    end
  end
  call('EXPIRE', key, 172800)
end
