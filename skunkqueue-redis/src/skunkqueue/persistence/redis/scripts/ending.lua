-- How firings become finished, and how finished ones are forgotten. Those of one job that finish together form a chunk.
-- `marks`, where there are any: [name, ids one after the other] each, of what some of them are found by: `t:TAG`, `k:KEY`,
-- `e:TYPE` of an error.
local function by_job(place, state, job)
  return P .. 'nj:' .. place .. ':' .. state .. ':' .. job
end
local function split(listed)
  local ids = {}
  for i = 1, #listed / 24 do
    ids[i] = listed:sub(24 * i - 23, 24 * i)
  end
  return ids
end
local function file_away(place, state, ids, chunk, ttl, worker, listed, job, marks)
  call('ZADD', P .. 'n:' .. place .. ':' .. state, now, chunk)
  if job ~= '' then
    call('ZADD', by_job(place, state, job), now, chunk)
  end
  call('ZADD', P .. 'gone', now + ttl, chunk)
  call('HSET', P .. 'c', chunk, cmsgpack.pack({ now, worker, place, state, listed or table.concat(ids), job, marks }))
  call('HINCRBY', P .. 'q:' .. place, state, #ids)
  note_job(place, '+' .. state, #ids, job)
  for _, mark in ipairs(marks or {}) do
    local flat = {}
    for i, id in ipairs(split(mark[2])) do
      flat[2 * i - 1], flat[2 * i] = now, id
    end
    call('ZADD', P .. 'i:' .. mark[1], unpack(flat))
  end
  announce(ids)
end
