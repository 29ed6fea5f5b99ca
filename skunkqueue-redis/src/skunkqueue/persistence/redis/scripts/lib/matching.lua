--@ firings
-- Many stored firings at once, and a quick look whether one can match: loading one takes several times as long.

-- Reads the fields of these ids from hashes that are divided into buckets; those of neighbours with one call.
local function read_all(kind_of, ids)
  local found = {}
  buckets(ids, function(bucket, first, last)
    local part = call('HMGET', P .. kind_of .. bucket, unpack(ids, first, last))
    for i = first, last do
      found[i] = part[i - first + 1]
    end
  end)
  return found
end
local function has_texts(stored, texts)
  for _, text in ipairs(texts) do
    if not stored or not stored:find(text, 1, true) then
      return false
    end
  end
  return true
end
