-- Wakes another worker where a claim leaves something in line, due or not: those who sleep do not know of it.
-- Stands in the middle of a script: needs P, call, place and ranks.
if call('EXISTS', P .. 'g:' .. place) == 0 then
  for rank in ranks:gmatch('.') do
    if call('EXISTS', P .. 'r:' .. place .. ':' .. rank) == 1 then
      call('RPUSH', P .. 'g:' .. place, '1')
      break
    end
  end
end
