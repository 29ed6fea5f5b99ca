--@ base wire places
-- minutes: place, since, until (not included). Answers with [minute, name, value, ...] for those that have any.
local reply, n = {}, 0
for minute = R[5], R[6] - 1 do
  local flat = call('HGETALL', P .. 's:' .. R[4] .. ':' .. minute)
  if #flat > 0 then
    n = n + 1
    local parts = { array(1 + #flat), f64(minute) }
    for i = 1, #flat, 2 do
      parts[#parts + 1] = str(flat[i])
      parts[#parts + 1] = f64(tonumber(flat[i + 1]))
    end
    reply[n] = table.concat(parts)
  end
end
return array(n) .. table.concat(reply)
