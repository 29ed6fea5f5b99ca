--@ request
-- Places: a place is `queue:route`, with the `%`, `:` and line ends of each quoted as keys.py does it.
local function quote(name)
  return (name:gsub('[%%:\n]', { ['%'] = '%25', [':'] = '%3A', ['\n'] = '%0A' }))
end
local function queue_of(place)
  return place:match('^[^:]*')
end
local function bucket_of(id)
  return id:sub(1, 9)
end
-- Calls visit(bucket, first, last) for each run of ids in one bucket, which one call can take.
local function buckets(ids, visit)
  local first, n = 1, #ids
  while first <= n do
    local bucket = ids[first]:sub(1, 9)
    local last = first
    while last < n and last - first < SLICE - 1 and ids[last + 1]:sub(1, 9) == bucket do
      last = last + 1
    end
    visit(bucket, first, last)
    first = last + 1
  end
end
