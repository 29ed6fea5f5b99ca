--@ msgpack finished counters
-- Ends pending firings that out_of_line() took out, by place, as killed.
local function file_killed(firings, chunk)
  local open, chunks = {}, {}
  for _, firing in ipairs(firings) do
    local labels = labels_of(firing)
    local shared = firing.place .. '\n' .. labels[1]
    local one = open[shared]
    if not one or #one.ids >= 1000 then
      one = { place = firing.place, job = labels[1], ids = {}, marks = {}, name = chunk .. '/' .. #chunks }
      open[shared] = one
      chunks[#chunks + 1] = one
    end
    one.ids[#one.ids + 1] = firing.id
    for _, mark in ipairs(marks_of(firing, labels)) do
      one.marks[#one.marks + 1] = mark
    end
    local token = firing.extras and tonumber(firing.extras.token) or 0
    local worker = firing.extras and firing.extras.worker
    -- As settle.py encodes an end, without its last fields: chunk, state, token, began, worker, attempt state, result.
    local fragment = '\151' .. str(one.name) .. str('killed') .. u64(token) .. NIL .. maybe(str, worker)
      .. NIL .. NIL
    call('HSET', P .. 'd:' .. bucket_of(firing.id), firing.id, fragment)
  end
  for _, one in ipairs(chunks) do
    local marks = #one.marks > 0 and one.marks or nil
    -- Kept for backend.FAILED_TTL.
    file_away(one.place, 'killed', one.ids, one.name, 604800, '', nil, one.job, marks)
    count(one.place, 'killed', #one.ids, one.job)
  end
end
