-- ring: bells, by their keys. Rings those that are silent, for whoever has popped one and cannot do what it asks for.
for _, bell in ipairs(ARGV) do
  if redis.call('EXISTS', bell) == 0 then
    redis.call('RPUSH', bell, '1')
  end
end
return ''
