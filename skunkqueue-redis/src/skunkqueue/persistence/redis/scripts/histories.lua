--@ base wire
-- histories: names. Answers for each with its runs, as they were handed in.
local parts = { array(#R[4]) }
for i, name in ipairs(R[4]) do
  local runs = call('LRANGE', P .. 'zh:' .. name, 0, -1)
  parts[i + 1] = array(#runs) .. table.concat(runs)
end
return table.concat(parts)
