--@ finished row merging matching
-- rows: finished and pending firings. Takes kind, queue (quoted) or false, route (quoted) or false, where to go on or
-- false, whether onward, how many, states, job or false, mark (finished.lua) or false, low, high, flag or false, texts,
-- key or false, and worker or false. Where to go on is a time and an id for the kind `finished`; a rank, a time and an id
-- for the kind `pending`. Pending firings without this flag in line, finished ones of another worker, and firings without
-- all of these texts in what is stored of them are passed over: they cannot match, and loading one takes several times
-- as long. Answers with the time, whether that was all, where it stopped, the rows, and how many firings were passed over.
local kind, queue, route, from, onward, want, states, job, mark, low, high, flag, texts, key, worker = unpack(R, 4, 18)
local places = {}
for _, place in ipairs(call('SMEMBERS', P .. 'routes')) do
  if (not queue or queue_of(place) == queue) and (not route or place:match(':(.*)$') == route) then
    places[#places + 1] = place
  end
end
local rows, all, last, passed = {}, true, NIL, 0

local function finished()
  local lines = {}
  if mark then
    lines[1] = { P .. 'i:' .. mark }
  else
    for _, place in ipairs(places) do
      for _, state in ipairs(states) do
        lines[#lines + 1] = { job and by_job(place, state, job) or P .. 'n:' .. place .. ':' .. state, true, job }
      end
    end
  end
  local way = { onward = onward, from = from or nil, low = low or nil, high = high or nil }
  local place
  local ids, scores, n = {}, {}, 0
  all, place = merge(lines, way, want, function(score, id)
    n = n + 1
    ids[n], scores[n] = id, score
  end)
  local ends, stored = read_all('d:', ids), read_all('f:', ids)
  for i, id in ipairs(ids) do
    local tail, when
    if ends[i] and stored[i] then
      tail, when = end_of(ends[i], worker)
    end
    if when ~= scores[i] then
      if mark then
        -- A worker of the version before removed it, or put it back into line.
        call('ZREM', lines[1][1], id)
      end
    elseif not tail or not has_texts(stored[i], texts) then
      passed = passed + 1
    else
      local firing = load(id, false, stored[i])
      if firing then
        rows[#rows + 1] = row_of(firing, tail)
      end
    end
  end
  last = place and '\146' .. f64(place[1]) .. str(place[2]) or NIL
end
-- A key has one pending firing in each queue at most.
local function keyed()
  local found, seen, wanted = {}, {}, {}
  for _, place in ipairs(places) do
    wanted[place] = true
    local id = not seen[queue_of(place)] and call('HGET', P .. 'k:' .. queue_of(place), key)
    seen[queue_of(place)] = true
    local firing = id and load(id)
    if firing and is_pending(firing) then
      found[#found + 1] = firing
    end
  end
  local function before(a, b)
    if a.rank ~= b.rank then
      return a.rank < b.rank
    elseif a.due ~= b.due then
      return a.due < b.due
    end
    return a.id < b.id
  end
  table.sort(found, function(a, b)
    return before(onward and a or b, onward and b or a)
  end)
  local start = from and { rank = from[1], due = from[2], id = from[3] }
  for _, firing in ipairs(found) do
    local beyond = not start or before(onward and start or firing, onward and firing or start)
    if wanted[firing.place] and beyond and #rows < want then
      rows[#rows + 1] = row_of(firing)
      last = '\147' .. f64(firing.rank) .. f64(firing.due) .. str(firing.id)
    elseif wanted[firing.place] and beyond then
      all = false
    end
  end
end
local function pending()
  local targets, ranks = {}, {}
  for _, name in ipairs(call('SMEMBERS', P .. 't')) do
    local place, target = name:match('^(.-)\n(.*)$')
    targets[place] = targets[place] or {}
    table.insert(targets[place], target)
  end
  for i, place in ipairs(places) do
    ranks[i] = call('HGET', P .. 'q:' .. place, 'ranks') or ''
  end
  for number = 0, 9 do
    local rank = onward and number or 9 - number
    local beyond = from and ((onward and rank < from[1]) or (not onward and rank > from[1]))
    local lines = {}
    for i, place in ipairs(beyond and {} or places) do
      if ranks[i]:find(rank, 1, true) then
        lines[#lines + 1] = { line_of(place, rank) }
        for _, target in ipairs(targets[place] or {}) do
          lines[#lines + 1] = { line_of(place, rank, target) }
        end
      end
    end
    if #lines > 0 then
      if want <= 0 then
        all = false
        return
      end
      local way = { onward = onward, from = from and from[1] == rank and { from[2], from[3] } or nil }
      local place
      local members, ids, n = {}, {}, 0
      all, place = merge(lines, way, want, function(_, member)
        n = n + 1
        members[n], ids[n] = member, member:sub(1, 24)
      end)
      local stored = read_all('f:', ids)
      for i, member in ipairs(members) do
        local may_match = (not flag or member:find(flag, 25, true)) and has_texts(stored[i], texts)
        local firing = may_match and load(ids[i], not member:find('x', 25, true), stored[i])
        if firing then
          rows[#rows + 1] = row_of(firing)
        else
          passed = passed + 1
        end
      end
      want = want - n
      last = place and '\147' .. f64(rank) .. f64(place[1]) .. str(place[2]) or last
      if not all then
        return
      end
    end
  end
end

if kind == 'finished' then
  finished()
elseif key then
  keyed()
else
  pending()
end
return '\149' .. f64(now) .. (all and YES or NO) .. last .. array(#rows) .. table.concat(rows) .. u64(passed)
