--@ leases finished row matching
-- rows: running firings. Takes [token, ids one after the other] for each lease, and texts. Answers as rows.lua does, with
-- the firings that still run under their token and have all of these texts in what is stored of them; those without are
-- passed over.
local rows, passed = {}, 0
for _, one in ipairs(R[4]) do
  local meta = meta_of(one[1])
  local lease = meta and '\146' .. str(meta.worker) .. f64(meta.claimed)
  local ids = meta and split(one[2]) or {}
  local stored = read_all('f:', ids)
  for i, id in ipairs(ids) do
    if not has_texts(stored[i], R[5]) then
      passed = passed + 1
    else
      local firing = holds(one[1], id) and load(id, false, stored[i])
      if firing then
        rows[#rows + 1] = row_of(firing, nil, lease)
      end
    end
  end
end
return '\149' .. f64(now) .. YES .. NIL .. array(#rows) .. table.concat(rows) .. u64(passed)
