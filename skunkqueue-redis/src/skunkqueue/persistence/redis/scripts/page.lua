--@ records
-- page. Takes place, state, limit, and the cursor (false, or the end of the page before). Answers with the records and
-- the end of this page; nothing instead of the end where no more records follow.
local place, state, limit, after = R[4], R[5], R[6], R[7]
local found, want = {}, limit + 1

-- How many members of a line come up to the cursor.
local function passed(line, due, id)
  local low = call('ZCOUNT', line, '-inf', '(' .. precise(due))
  local high = low + call('ZCOUNT', line, due, due)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if call('ZRANGE', line, middle, middle)[1]:sub(1, 24) <= id then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

local function pending()
  local targets = {}
  for _, name in ipairs(call('SMEMBERS', P .. 't')) do
    local where, target = name:match('^(.-)\n(.*)$')
    if where == place then
      targets[#targets + 1] = target
    end
  end
  for digit in (call('HGET', P .. 'q:' .. place, 'ranks') or ''):gmatch('.') do
    local rank = tonumber(digit)
    if not after or rank >= after[1] then
      local lines, all = { line_of(place, digit) }, {}
      for _, target in ipairs(targets) do
        lines[#lines + 1] = line_of(place, digit, target)
      end
      for _, line in ipairs(lines) do
        local first = after and after[1] == rank and passed(line, after[2], after[3]) or 0
        local part = call('ZRANGE', line, first, first + want - 1, 'WITHSCORES')
        for i = 1, #part, 2 do
          all[#all + 1] = { rank, tonumber(part[i + 1]), part[i]:sub(1, 24) }
        end
      end
      table.sort(all, function(a, b)
        return a[2] < b[2] or (a[2] == b[2] and a[3] < b[3])
      end)
      for i = 1, math.min(#all, want - #found) do
        found[#found + 1] = { all[i][3], all[i] }
      end
      if #found >= want then
        return
      end
    end
  end
end

-- Reads all running firings. They are as many as workers hold, however large the store is.
local function running()
  local all, seen = {}, {}
  for _, name in ipairs(call('ZRANGE', P .. 'e:' .. place, 0, -1)) do
    local token = name:match('^%d+')
    if not seen[token] then
      seen[token] = true
      for _, id in ipairs(ids_in(token)) do
        local firing = load(id)
        all[#all + 1] = { firing.rank, firing.due, id }
      end
    end
  end
  local function before(a, b)
    if a[1] ~= b[1] then
      return a[1] < b[1]
    end
    return a[2] < b[2] or (a[2] == b[2] and a[3] < b[3])
  end
  table.sort(all, before)
  for _, one in ipairs(all) do
    if (not after or before(after, one)) and #found < want then
      found[#found + 1] = { one[3], one }
    end
  end
end

local function finished()
  local top = after and after[1] or '+inf'
  local skip = 0
  while #found < want do
    local part = call(
      'ZREVRANGEBYSCORE', P .. 'n:' .. place .. ':' .. state, top, '-inf', 'WITHSCORES', 'LIMIT', skip, want
    )
    if #part == 0 then
      return
    end
    skip = skip + #part / 2
    for i = 1, #part, 2 do
      local chunk, when = part[i], tonumber(part[i + 1])
      local same = after and when == after[1]
      if not same or chunk <= after[2] then
        local listed, ids = cmsgpack.unpack(call('HGET', P .. 'c', chunk))[5], {}
        for n = 1, #listed / 24 do
          ids[n] = listed:sub(24 * n - 23, 24 * n)
        end
        -- By id, as other firings of the chunk may be removed before the next page is read.
        table.sort(ids)
        for n = #ids, 1, -1 do
          if #found < want and (not same or chunk < after[2] or ids[n] < after[3]) then
            found[#found + 1] = { ids[n], { when, chunk, ids[n] } }
          end
        end
      end
    end
  end
end

if state == 'pending' then
  pending()
elseif state == 'running' then
  running()
else
  finished()
end
local ids = {}
for i = 1, math.min(#found, limit) do
  ids[i] = found[i][1]
end
local last = NIL
if #found > limit then
  local a, b, c = unpack(found[limit][2])
  if state == 'pending' or state == 'running' then
    last = '\147' .. f64(a) .. f64(b) .. str(c)
  else
    last = '\147' .. f64(a) .. str(b) .. str(c)
  end
end
return '\146' .. records(ids) .. last
