-- Answers that a claim found nothing (1), with the seconds until the next firing is due and until the next lease ends.
-- Stands at the end of a block: needs now, due and over, which may be nil.
return '\147\1' .. (due and '\203' .. struct.pack('>d', due - now) or '\192')
  .. (over and '\203' .. struct.pack('>d', over - now) or '\192')
