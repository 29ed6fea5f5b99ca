--@ request
-- The audit log: `az` has the entries by time, `ae` what each says, `ad` what it did, `ah` when it was heard, `ao` when
-- it was done.
local function drop_entries(most, kept)
  local old = call('ZRANGEBYSCORE', P .. 'az', '-inf', now - kept, 'LIMIT', 0, 1000)
  if #old == 0 then
    local over = call('ZCARD', P .. 'az') - most
    old = over > 0 and call('ZRANGE', P .. 'az', 0, math.min(over, 1000) - 1) or {}
  end
  if #old > 0 then
    call('ZREM', P .. 'az', unpack(old))
    for _, kind in ipairs({ 'ae', 'ad', 'ah', 'ao' }) do
      call('HDEL', P .. kind, unpack(old))
    end
  end
  return #old
end
