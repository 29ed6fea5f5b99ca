-- Lists a rank among those in use on a place, and the place among the routes.
local function register(place, rank)
  local key = P .. 'q:' .. place
  local ranks = call('HGET', key, 'ranks') or ''
  if ranks:find(rank, 1, true) then
    return
  end
  local all = {}
  for digit in (ranks .. rank):gmatch('.') do
    all[#all + 1] = digit
  end
  table.sort(all)
  call('HSET', key, 'ranks', table.concat(all))
  -- By this a process of the version before sees that it need not do so.
  call('HSETNX', key, 'e' .. rank, 1)
  if call('SADD', P .. 'routes', place) == 1 then
    -- Nothing was counted there before, so that minutes.lua need not look for it.
    call('HSETNX', key, 'folded', math.floor(now / 60) - 2)
  end
  if call('HEXISTS', P .. 'paused', place:match('^[^:]*')) == 1 then
    call('HSET', key, 'qpaused', 1)
  end
end
