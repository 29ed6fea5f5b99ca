-- What every script begins with: the store's prefix, the request, and the time.
-- A request is one MessagePack array: the time (false: the server's), a nonce, whether it is sent again, and then what
-- the verb takes. Bytes are arguments of their own, which the request names by their number, since cmsgpack knows no
-- binary type.
local P, R = KEYS[1], cmsgpack.unpack(ARGV[1])
local call = redis.call
local now = R[1]
if not now then
  local time = call('TIME')
  now = time[1] + time[2] / 1000000
end
-- Lua's unpack() gives up near 8,000 values.
local SLICE = 2000
