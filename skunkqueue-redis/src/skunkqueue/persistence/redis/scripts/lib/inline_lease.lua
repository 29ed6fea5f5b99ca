-- Makes a lease for the `n` firings that a claim takes, but does not write them into it. Stands in the middle of a
-- script: needs P, call, now, place, worker, lease, nonce and n; leaves token and meta, which is to be stored under ''.
-- A token is greater than all before it, also where the server lost the last of them with its last second of work.
local token = math.max(tonumber(call('GET', P .. 'token') or 0) + 1, math.floor(now * 1000000))
token = string.format('%.0f', token)
call('SET', P .. 'token', token)
-- A small hash is searched from end to end, which is slow from some hundred fields on; one long value makes it a table.
local meta = cmsgpack.pack({ worker, place, now, nonce, n > 12 and string.rep(' ', 65) or '' })
call('ZADD', P .. 'e:' .. place, now + lease, token)
call('SADD', P .. 'h:' .. worker, token)
