--@ once msgpack finished room
-- sweep: rewrites some of the chunks that the version before made into the form that they have now: each is of one job,
-- and is found by the tags, keys and errors of its firings. Takes nothing. Answers how many of these chunks it looked
-- at. Once none is left it looks again after an hour.
if call('EXISTS', P .. 'adopted') == 1 then
  return done(u64(0))
end
local function of_one_job(chunk, about)
  local finished, worker, place, state, listed = unpack(about, 1, 5)
  local ids, jobs, order = split(listed), {}, {}
  for _, id in ipairs(ids) do
    local firing = load(id)
    local labels = firing and labels_of(firing) or { '', {} }
    local one = jobs[labels[1]]
    if not one then
      one = { job = labels[1], ids = {}, marks = {} }
      jobs[labels[1]] = one
      order[#order + 1] = one
    end
    one.ids[#one.ids + 1] = id
    local ended = call('HGET', P .. 'd:' .. bucket_of(id), id)
    for _, mark in ipairs(firing and ended and marks_of(firing, labels, ended) or {}) do
      one.marks[#one.marks + 1] = mark
    end
  end
  local ttl = tonumber(call('ZSCORE', P .. 'gone', chunk) or finished) - finished
  call('HINCRBY', P .. 'q:' .. place, state, -#ids)
  call('ZREM', P .. 'n:' .. place .. ':' .. state, chunk)
  call('ZREM', P .. 'gone', chunk)
  call('HDEL', P .. 'c', chunk)
  for i, one in ipairs(order) do
    local name = i == 1 and chunk or chunk .. '+' .. i
    file_away(place, state, one.ids, name, ttl, worker, nil, one.job, #one.marks > 0 and one.marks or nil, finished)
    for _, id in ipairs(i > 1 and one.ids or {}) do
      local key = P .. 'd:' .. bucket_of(id)
      local ended = call('HGET', key, id)
      if ended then
        local offset = cmsgpack.unpack_limit(ended, 1, 1)
        call('HSET', key, id, ended:sub(1, 1) .. str(name) .. ended:sub(offset + 1))
      end
    end
  end
  return #ids
end
local at, found = (call('GET', P .. 'adopting') or '0 0'):match('^(%d+) (%d+)$')
local reply = call('HSCAN', P .. 'c', at, 'COUNT', 50)
local n, looked = 0, 0
for i = 1, #reply[2], 2 do
  -- A packed array of five: a chunk of the version before.
  if reply[2][i + 1]:byte(1) == 149 and looked < 1000 then
    looked = looked + of_one_job(reply[2][i], cmsgpack.unpack(reply[2][i + 1]))
    n = n + 1
  elseif reply[2][i + 1]:byte(1) == 149 then
    reply[1] = at
  end
end
found = tonumber(found) + n
if reply[1] == '0' and found == 0 then
  call('SET', P .. 'adopted', 1, 'EX', 3600)
  call('DEL', P .. 'adopting')
else
  call('SET', P .. 'adopting', reply[1] .. ' ' .. (reply[1] == '0' and 0 or found), 'EX', 3600)
end
return done(u64(n))
