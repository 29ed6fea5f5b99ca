--@ request msgpack
-- sweep: who takes the samples of this minute. Takes the minute of which all samples are taken now, and before which all
-- minutes are packed; or false. Answers with this minute, and whether the caller is to do so: for some seconds nobody else
-- is, since a hundred workers that did the same at once would keep the server busy.
local this, busy = math.floor(now / 60), tonumber(call('GET', P .. 'sampling') or 0)
-- Other versions append a plus where minutes are left to pack.
local is_due = not R[4] and call('GET', P .. 'sampled') ~= tostring(this) and (busy <= now or busy > now + 5)
if is_due or R[4] then
  call('DEL', P .. 'sampling') -- first, as in room.lua
end
if is_due then
  call('SET', P .. 'sampling', string.format('%.6f', now + 5), 'EX', 60)
elseif R[4] then
  call('SET', P .. 'sampled', R[4], 'EX', 3600)
end
return array(2) .. u64(this) .. (is_due and YES or NO)
