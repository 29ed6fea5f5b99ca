--@ base wire places bells stats put records ending rowing merging
-- rows: kind, queue (quoted) or false, route (quoted) or false, from or false, whether onward, how many, states, job or
-- false, mark (ending.lua) or false, low, high. Kind is `finished` (from is a time and an id) or `pending` (a rank, a time
-- and an id). Answers with the time, whether that is all, where it ended, and the rows.
local kind, queue, route, from, onward, want, states, job, mark, low, high = unpack(R, 4, 14)
local places = {}
for _, place in ipairs(call('SMEMBERS', P .. 'routes')) do
  if (not queue or queue_of(place) == queue) and (not route or place:match(':(.*)$') == route) then
    places[#places + 1] = place
  end
end
local rows, all, last = {}, true, NIL

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
  all, place = merge(lines, way, want, function(score, id, line)
    local firing = load(id)
    local ended = firing and call('HGET', P .. 'd:' .. bucket_of(id), id)
    local tail, when
    if ended then
      tail, when = end_of(ended)
    end
    if when == score then
      rows[#rows + 1] = row_of(firing, tail)
    elseif mark then
      -- A version before has removed it, or put it back.
      call('ZREM', line, id)
    end
  end)
  last = place and '\146' .. f64(place[1]) .. str(place[2]) or NIL
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
      local seen, place = 0, nil
      all, place = merge(lines, way, want, function(_, member)
        seen = seen + 1
        local firing = load(member:sub(1, 24), not member:find('x', 25, true))
        if firing then
          rows[#rows + 1] = row_of(firing)
        end
      end)
      want = want - seen
      last = place and '\147' .. f64(rank) .. f64(place[1]) .. str(place[2]) or last
      if not all then
        return
      end
    end
  end
end

if kind == 'finished' then
  finished()
else
  pending()
end
return '\148' .. f64(now) .. (all and YES or NO) .. last .. array(#rows) .. table.concat(rows)
