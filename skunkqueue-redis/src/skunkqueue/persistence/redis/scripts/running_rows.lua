--@ leases finished row
-- rows: running firings. Takes [token, ids one after the other] for each lease. Answers as rows.lua does, with the
-- firings that still run under their token.
local rows = {}
for _, one in ipairs(R[4]) do
  local meta = meta_of(one[1])
  local lease = meta and '\146' .. str(meta.worker) .. f64(meta.claimed)
  for _, id in ipairs(meta and split(one[2]) or {}) do
    local firing = holds(one[1], id) and load(id)
    if firing then
      rows[#rows + 1] = row_of(firing, nil, lease)
    end
  end
end
return '\149' .. f64(now) .. YES .. NIL .. array(#rows) .. table.concat(rows) .. u64(0)
