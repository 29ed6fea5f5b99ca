--@ request msgpack first_due
-- wait: looks for something to claim. Takes place and worker. Answers whether something may be claimed, in how many
-- seconds the next firing is due, and in how many the next lease ends.
local place, worker = R[4], R[5]
local about = call('HMGET', P .. 'q:' .. place, 'paused', 'qpaused', 'aimed', 'ranks')
if not about[4] or about[1] or about[2] then
  return '\147' .. NO .. NIL .. NIL
end
local due, over = first_due(place, about[4], tonumber(about[3] or 0) > 0 and worker), first_end(place)
local found = (due and due <= now) or (over and over <= now)
return '\147' .. (found and YES or NO) .. maybe(f64, due and due - now) .. maybe(f64, over and over - now)
