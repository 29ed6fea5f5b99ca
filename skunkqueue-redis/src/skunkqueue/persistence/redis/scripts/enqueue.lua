--@ base wire places bells stats put
-- enqueue: R[4] is a list of groups. Answers with nothing, or with [group, index, id] where a key was in use.
local others, n = {}, 0
for number, group in ipairs(R[4]) do
  put(group, function(i, id)
    n = n + 1
    others[n] = { number - 1, i - 1, id }
  end)
end
return n == 0 and NIL or cmsgpack.pack(others)
