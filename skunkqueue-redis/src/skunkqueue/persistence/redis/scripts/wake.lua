-- begin_claim_any, where it is broken off: leaves wake-ups again. Takes the keys of the lists on which others wait too,
-- as one of their wake-ups may have been taken in vain.
redis.call('DEL', KEYS[1] .. 'room') -- as in room.lua
for _, wakeup in ipairs(ARGV) do
  if redis.call('EXISTS', wakeup) == 0 then
    redis.call('RPUSH', wakeup, '1')
  end
end
return ''
