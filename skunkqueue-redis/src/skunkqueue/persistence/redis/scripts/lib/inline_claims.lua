-- Reads the firings that a claim takes into its reply, bucket by bucket. Stands in the middle of a script: needs P,
-- call, now, token, and ids, which are `n`; leaves the reply's parts, of which there are `r`.
local head = '\220\0\16\207' .. struct.pack('>I8', token) .. '\203' .. struct.pack('>d', now)
local reply, r, first = { '\147\0\221' .. struct.pack('>I4', n) }, 1, 1
while first <= n do
  local bucket = ids[first]:sub(1, 9)
  local last = first
  while last < n and last - first < 3999 and ids[last + 1]:sub(1, 9) == bucket do
    last = last + 1
  end
  local stored = call('HMGET', P .. 'f:' .. bucket, unpack(ids, first, last))
  for i = 1, #stored do
    reply[r + 1] = head
    reply[r + 2] = stored[i]
    r = r + 2
  end
  first = last + 1
end
