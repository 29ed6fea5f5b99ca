--@ minutes room
-- totals. Takes places. Answers for each as counters.lua does by job.
local parts = { array(#R[4]) }
for i, place in ipairs(R[4]) do
  local _, all = fold(place, 5)
  if all then
    parts[i + 1] = '\147' .. YES .. packed_in({ P .. 'to:' .. place }) .. unfolded(place, true)
  else
    parts[i + 1] = '\147' .. NO .. '\128\128'
  end
end
return table.concat(parts)
