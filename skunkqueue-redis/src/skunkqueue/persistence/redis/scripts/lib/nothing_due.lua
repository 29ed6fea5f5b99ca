-- The reply of a claim that found nothing (1): in how many seconds the next firing is due, and the next lease ends.
local function nothing_due(due, over)
  return '\147\1' .. (due and '\203' .. struct.pack('>d', due - now) or '\192')
    .. (over and '\203' .. struct.pack('>d', over - now) or '\192')
end
