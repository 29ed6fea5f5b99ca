--@ request msgpack
-- histories. Takes names. Answers with the runs of each schedule, as they were handed in.
local parts = { array(#R[4]) }
for i, name in ipairs(R[4]) do
  local runs = call('LRANGE', P .. 'zh:' .. name, 0, -1)
  parts[i + 1] = array(#runs) .. table.concat(runs)
end
return table.concat(parts)
