-- Ends pending firings that out_of_line() took: by place, as killed.
local function file_killed(firings, chunk)
  local open, chunks = {}, {}
  for _, firing in ipairs(firings) do
    local one = open[firing.place]
    if not one or #one.ids >= 1000 then
      one = { place = firing.place, ids = {}, name = chunk .. '/' .. #chunks }
      open[firing.place] = one
      chunks[#chunks + 1] = one
    end
    one.ids[#one.ids + 1] = firing.id
    local token = firing.extras and tonumber(firing.extras.token) or 0
    local worker = firing.extras and firing.extras.worker
    -- As wire.py encodes an end: chunk, state, token, began, worker, carry, result.
    local fragment = '\151' .. str(one.name) .. str('killed') .. u64(token) .. NIL .. maybe(str, worker)
      .. NIL .. NIL
    call('HSET', P .. 'd:' .. bucket_of(firing.id), firing.id, fragment)
  end
  for _, one in ipairs(chunks) do
    file_away(one.place, 'killed', one.ids, one.name, 604800, '')
    count(one.place, 'killed', #one.ids)
  end
end
