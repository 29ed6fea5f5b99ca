-- Goes through several sorted sets as through one, by score and then by id, from `from` on ({ score, id }, itself left out),
-- between `low` (included) and `high` (not included). Members are ids with flags, or chunks of ids that share a score (of one
-- job, where the line names it).
local function below(line, score, id, inclusive)
  local least = call('ZCOUNT', line, '-inf', '(' .. precise(score))
  local most = least + call('ZCOUNT', line, precise(score), precise(score))
  while least < most do
    local middle = math.floor((least + most) / 2)
    local here = call('ZRANGE', line, middle, middle)[1]:sub(1, 24)
    if here < id or (inclusive and here == id) then
      least = middle + 1
    else
      most = middle
    end
  end
  return least
end
local function first_rank(line, way)
  local onward, from = way.onward, way.from
  if onward then
    local rank = way.low and call('ZCOUNT', line, '-inf', '(' .. precise(way.low)) or 0
    return from and math.max(rank, below(line, from[1], from[2], true)) or rank
  end
  local rank = way.high and call('ZCOUNT', line, '-inf', '(' .. precise(way.high)) or call('ZCARD', line)
  return (from and math.min(rank, below(line, from[1], from[2], false)) or rank) - 1
end
local function refill_ids(source, way, size)
  source.rank = source.rank or first_rank(source.line, way)
  local part
  if way.onward then
    part = call('ZRANGE', source.line, source.rank, source.rank + size - 1, 'WITHSCORES')
    source.rank = source.rank + size
  elseif source.rank >= 0 then
    local last = math.max(source.rank - size + 1, 0)
    part = call('ZREVRANGE', source.line, -source.rank - 1, -last - 1, 'WITHSCORES')
    -- By ranks from the end, since that is how this command counts.
    source.rank = last - 1
  end
  return part or {}
end
local function refill_chunks(source, way, size)
  local low, high = way.low and precise(way.low) or '-inf', way.high and '(' .. precise(way.high) or '+inf'
  if way.from then
    if way.onward and (not way.low or way.from[1] >= way.low) then
      low = precise(way.from[1])
    elseif not way.onward and (not way.high or way.from[1] < way.high) then
      high = precise(way.from[1])
    end
  end
  source.skip = source.skip or 0
  local part
  if way.onward then
    part = call('ZRANGEBYSCORE', source.line, low, high, 'WITHSCORES', 'LIMIT', source.skip, size)
  else
    part = call('ZREVRANGEBYSCORE', source.line, high, low, 'WITHSCORES', 'LIMIT', source.skip, size)
  end
  source.skip = source.skip + #part / 2
  return part
end
local function peek(source, way)
  if source.at > #source.part then
    if source.over then
      return nil
    end
    source.part, source.at = (source.chunks and refill_chunks or refill_ids)(source, way, source.size), 1
    source.size = math.min(4 * source.size, 500)
    if #source.part == 0 then
      source.over = true
      return nil
    end
  end
  return tonumber(source.part[source.at + 1]), source.part[source.at]
end
-- The next score of a source. Where it has ids, the one there as well; all that a chunk source has there is read only when
-- it is its turn.
local function advance(source, way)
  local score, member = peek(source, way)
  if not score or (way.onward and way.high and score >= way.high) or (not way.onward and way.low and score < way.low) then
    source.score = nil
    return
  end
  source.score, source.next, source.ids = score, 1, nil
  if not source.chunks then
    source.ids = { member }
    source.at = source.at + 2
  end
end
local function expand(source, way)
  if source.ids then
    return
  end
  local ids, from = {}, way.from
  local same = from and from[1] == source.score
  local score, chunk = peek(source, way)
  while score == source.score do
    local packed = call('HGET', P .. 'c', chunk)
    local about = packed and cmsgpack.unpack(packed)
    local listed = about and about[5] or ''
    if about and about[8] and source.job then
      listed = ''
      for _, one in ipairs(cmsgpack.unpack(about[8])) do
        if one[1] == source.job then
          listed = one[2]
        end
      end
    end
    for _, id in ipairs(split(listed)) do
      if not same or (way.onward and id > from[2]) or (not way.onward and id < from[2]) then
        ids[#ids + 1] = id
      end
    end
    source.at = source.at + 2
    score, chunk = peek(source, way)
  end
  table.sort(ids)
  if not way.onward then
    for i = 1, math.floor(#ids / 2) do
      ids[i], ids[#ids + 1 - i] = ids[#ids + 1 - i], ids[i]
    end
  end
  source.ids = ids
end
-- Calls visit(score, member) up to `want` times; says whether that was all, and which was the last.
local function merge(lines, way, want, visit)
  local live = {}
  local size = math.max(2, math.ceil(want / #lines))
  for _, line in ipairs(lines) do
    local source = { line = line[1], chunks = line[2], job = line[3], part = {}, at = 1, size = size }
    advance(source, way)
    if source.score then
      live[#live + 1] = source
    end
  end
  local seen, last = 0, nil
  while seen < want do
    local best
    for i = #live, 1, -1 do
      local source = live[i]
      while source.score and source.ids and source.next > #source.ids do
        advance(source, way)
      end
      if not source.score then
        table.remove(live, i)
      elseif not best or (way.onward and source.score < best) or (not way.onward and source.score > best) then
        best = source.score
      end
    end
    if not best then
      return true, last
    end
    -- Those that have something at this score, until one of them has nothing more there.
    local here = {}
    for _, source in ipairs(live) do
      if source.score == best then
        expand(source, way)
        here[#here + 1] = source
      end
    end
    repeat
      local chosen, choice
      for _, source in ipairs(here) do
        local id = source.ids[source.next]
        if id and (not choice or (way.onward and id < choice) or (not way.onward and id > choice)) then
          chosen, choice = source, id
        end
      end
      if chosen then
        chosen.next = chosen.next + 1
        seen = seen + 1
        last = { best, choice:sub(1, 24) }
        visit(best, choice, chosen.line)
      end
    until not chosen or (seen >= want) or (not chosen.chunks and chosen.next > #chosen.ids)
  end
  return false, last
end
