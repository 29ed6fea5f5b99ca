--@ msgpack put
-- enqueue, every case. Takes a list of groups. Answers with nothing, or with [group, index, id] for each firing whose
-- key was in use by `id`.
local others, n = {}, 0
for number, group in ipairs(R[4]) do
  put(group, function(i, id)
    n = n + 1
    others[n] = { number - 1, i - 1, id }
  end)
end
return n == 0 and NIL or cmsgpack.pack(others)
