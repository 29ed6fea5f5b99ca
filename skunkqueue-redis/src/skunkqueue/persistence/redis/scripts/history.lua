--@ base wire
-- history: name. Answers with the runs, as they were handed in.
local runs = call('LRANGE', P .. 'zh:' .. R[4], 0, -1)
return array(#runs) .. table.concat(runs)
