--@ finished
-- Goes through several sorted sets as through one, by score and then by id, from `from` on ({ score, id }, itself left
-- out), between `low` (included) and `high` (not included). Members are ids with flags, or chunks of ids that share a
-- score (of one job, where the line names it).
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
    -- This command counts ranks from the end.
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
    source.size, source.more = source.more, math.min(2 * source.more, 500)
    if #source.part == 0 then
      source.over = true
      return nil
    end
  end
  return tonumber(source.part[source.at + 1]), source.part[source.at]
end
-- Moves a source to its next score. A source of ids has its id at once; a source of chunks reads the ids at that score
-- only when it is its turn.
local function advance(source, way)
  local score, member = peek(source, way)
  if not score or (way.onward and way.high and score >= way.high) or (not way.onward and way.low and score < way.low) then
    source.score = nil
  elseif source.chunks then
    source.score, source.next, source.ids, source.id = score, 1, nil, nil
  else
    source.score, source.id = score, member
    source.at = source.at + 2
  end
end
local function expand(source, way)
  local ids, from = {}, way.from
  local same = from and from[1] == source.score
  local score, chunk = peek(source, way)
  while score == source.score do
    local packed = call('HGET', P .. 'c', chunk)
    local listed = packed and select(6, cmsgpack.unpack_limit(packed, 5, 1)) or ''
    local jobs = packed and source.job and cmsgpack.unpack(packed)[8]
    if jobs then
      listed = ''
      for _, one in ipairs(cmsgpack.unpack(jobs)) do
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
  source.ids, source.id = ids, ids[1]
  if not source.id then
    advance(source, way)
  end
end
-- Moves a source from the id that was visited to its next one, or to chunks that were not read.
local function step(source, way)
  local ids, next_ = source.ids, source.next
  if ids and next_ < #ids then
    source.next, source.id = next_ + 1, ids[next_ + 1]
  else
    advance(source, way)
  end
end
-- Whether a source's turn is before another's. One whose chunks are not read goes first at its score: all ids there
-- must be known before one is chosen.
local function is_before(one, other, way)
  if one.score ~= other.score then
    if way.onward then
      return one.score < other.score
    end
    return one.score > other.score
  end
  local id, others = one.id, other.id
  if not id or not others then
    return not id and others ~= nil
  end
  if way.onward then
    return id < others
  end
  return id > others
end
-- Moves the source at a place of the heap down to where it belongs.
local function sink(heap, place, way)
  local source, size = heap[place], #heap
  while true do
    local child = 2 * place
    if child > size then
      break
    end
    if child < size and is_before(heap[child + 1], heap[child], way) then
      child = child + 1
    end
    if not is_before(heap[child], source, way) then
      break
    end
    heap[place] = heap[child]
    place = child
  end
  heap[place] = source
end
-- Calls visit(score, member) up to `want` times; returns whether that was all, and which was the last. The sources are
-- in a heap, since there may be ten thousand routes.
local function merge(lines, way, want, visit)
  local heap = {}
  -- Where the lines have about the same share, few entries are read that are not needed.
  local size = math.max(2, math.ceil(want / #lines))
  local more = math.max(2, math.ceil(size / 4))
  for _, line in ipairs(lines) do
    local source = { line = line[1], chunks = line[2], job = line[3], part = {}, at = 1, size = size, more = more }
    advance(source, way)
    if source.score then
      heap[#heap + 1] = source
    end
  end
  for place = math.floor(#heap / 2), 1, -1 do
    sink(heap, place, way)
  end
  local seen, score, id = 0, nil, nil
  while seen < want do
    local source = heap[1]
    if not source then
      return true, id and { score, id:sub(1, 24) }
    end
    if source.id then
      score, id = source.score, source.id
      seen = seen + 1
      visit(score, id)
      step(source, way)
    else
      expand(source, way)
    end
    if not source.score then
      heap[1] = heap[#heap]
      heap[#heap] = nil
    end
    if heap[1] then
      sink(heap, 1, way)
    end
  end
  return false, id and { score, id:sub(1, 24) }
end
