--@ once leases finished schedules room
-- settle, every case. Takes outcomes: for each id, token, verdict, end, chunk, ttl, due, delay, attempt state,
-- counters, job, marks (finished.lua), error, whether it began; then what follows: for each firing the number of its
-- outcome and a group; then refires: for each the number of its outcome and what refire() takes. Answers with the ids
-- of the stale outcomes.
local stale, fresh, chunks, order = {}, {}, {}, {}
local metas, unfolded = {}, {}
for n, outcome in ipairs(R[4]) do
  local id, token, verdict, fragment, chunk, ttl, due, delay, attempt_state, values, job, marks, error_line, began = unpack(outcome, 1, 14)
  if not unfolded[token] then
    unfold(token)
    unfolded[token] = true
  end
  local flags = call('HGET', P .. 'l:' .. token, id)
  if not flags then
    stale[#stale + 1] = id
  else
    fresh[n] = true
    local meta = metas[token] or meta_of(token)
    metas[token] = meta
    if verdict == 'advance' then
      note(load(id), { carry = attempt_state and ARGV[attempt_state] or nil, error = error_line or nil })
    else
      take_from(token, meta, id, flags)
      if fragment then
        if flags:find('k', 1, true) then
          call('HDEL', P .. 'k:' .. queue_of(meta.place), load(id).key)
        end
        call('HSET', P .. 'd:' .. bucket_of(id), id, ARGV[fragment])
        if not chunks[chunk] then
          chunks[chunk] = { meta = meta, state = verdict, ttl = ttl, ids = {}, job = job, marks = {} }
          order[#order + 1] = chunk
        end
        table.insert(chunks[chunk].ids, id)
        for _, mark in ipairs(marks) do
          table.insert(chunks[chunk].marks, { mark, id })
        end
        if flags:find('x', 1, true) then
          table.insert(chunks[chunk].marks, past_error(load(id), ARGV[fragment]))
        end
      else
        local firing = load(id)
        if not due and (verdict ~= 'release' or delay ~= 0) then
          due = now + delay
        end
        note(firing, {
          token = token,
          worker = meta.worker,
          carry = attempt_state and ARGV[attempt_state] or nil,
          due = due and precise(due) or nil,
          error = error_line or nil,
          tries = began and tries_of(firing) + 1 or nil,
          again = verdict,
        })
        into_line(firing)
      end
    end
    if #values > 0 then
      tally(meta.place, values, job)
    end
  end
end
for token, meta in pairs(metas) do
  drop_if_empty(token, meta)
end
for _, chunk in ipairs(order) do
  local one = chunks[chunk]
  file_away(one.meta.place, one.state, one.ids, chunk, one.ttl, one.meta.worker, nil, one.job, #one.marks > 0 and one.marks or nil)
end
for _, follow in ipairs(R[5]) do
  if fresh[follow[1]] then
    put(follow[2], function() end)
  end
end
for _, one in ipairs(R[6]) do
  if fresh[one[1]] then
    refire(R[4][one[1]][1], one[2])
  end
end
return done(cmsgpack.pack(stale))
