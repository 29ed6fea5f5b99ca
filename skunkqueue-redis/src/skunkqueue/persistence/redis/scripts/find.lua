--@ request
-- find. Takes prefix and limit. Answers with ids. Looks only through the buckets that can hold the prefix.
local prefix, limit = R[4], R[5]
local found = {}
local names
if #prefix >= 9 then
  names = { prefix:sub(1, 9) }
else
  names = call('ZRANGEBYLEX', P .. 'b', '[' .. prefix, '(' .. prefix .. 'g', 'LIMIT', 0, limit)
end
for _, bucket in ipairs(names) do
  local here = {}
  for _, id in ipairs(call('HKEYS', P .. 'f:' .. bucket)) do
    if id:sub(1, #prefix) == prefix and call('HSTRLEN', P .. 'f:' .. bucket, id) > 0 then
      here[#here + 1] = id
    end
  end
  table.sort(here)
  for _, id in ipairs(here) do
    if #found < limit then
      found[#found + 1] = id
    end
  end
  if #found >= limit then
    break
  end
end
return cmsgpack.pack(found)
