-- Ends pending firings that out_of_line() took: by place, as killed.
local function file_killed(firings, chunk)
  local places = {}
  for _, firing in ipairs(firings) do
    local ids = places[firing.place] or {}
    places[firing.place] = ids
    ids[#ids + 1] = firing.id
    local token = firing.extras and tonumber(firing.extras.token) or 0
    local worker = firing.extras and firing.extras.worker
    -- As wire.py encodes an end: chunk, state, token, began, worker, carry, result.
    local fragment = '\151' .. str(chunk .. firing.place) .. str('killed') .. u64(token) .. NIL .. maybe(str, worker)
      .. NIL .. NIL
    call('HSET', P .. 'd:' .. bucket_of(firing.id), firing.id, fragment)
  end
  for place, ids in pairs(places) do
    file_away(place, 'killed', ids, chunk .. place, 604800, '')
    count(place, 'killed', #ids)
  end
end
