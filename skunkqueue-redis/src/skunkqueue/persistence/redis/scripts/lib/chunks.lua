--@ finished counters
-- Takes finished firings out of their chunk, and out of all indexes that name them there. `rest`: the ids that stay.
local function shrink(chunk, about, ids, rest)
  local place, state, job, marks, jobs = about[3], about[4], about[6] or '', about[7], about[8]
  call('HINCRBY', P .. 'q:' .. place, state, -#ids)
  local gone = {}
  if marks or jobs then
    for _, id in ipairs(ids) do
      gone[id] = true
    end
  end
  if jobs then
    local kept = {}
    for _, one in ipairs(cmsgpack.unpack(jobs)) do
      local left = {}
      for _, id in ipairs(split(one[2])) do
        if not gone[id] then
          left[#left + 1] = id
        end
      end
      note_job(place, '-' .. state, #one[2] / 24 - #left, one[1])
      if #left > 0 then
        kept[#kept + 1] = { one[1], table.concat(left) }
      elseif one[1] ~= '' then
        call('ZREM', by_job(place, state, one[1]), chunk)
      end
    end
    about[8] = cmsgpack.pack(kept)
  else
    note_job(place, '-' .. state, #ids, job)
  end
  if marks then
    for _, mark in ipairs(marks) do
      local here = {}
      for _, id in ipairs(split(mark[2])) do
        if gone[id] then
          here[#here + 1] = id
        end
      end
      if #here > 0 then
        call('ZREM', P .. 'i:' .. mark[1], unpack(here))
      end
    end
  end
  if rest ~= '' then
    about[5] = rest
    call('HSET', P .. 'c', chunk, cmsgpack.pack(about))
    return
  end
  call('ZREM', P .. 'n:' .. place .. ':' .. state, chunk)
  if job ~= '' then
    call('ZREM', by_job(place, state, job), chunk)
  end
  call('ZREM', P .. 'gone', chunk)
  call('HDEL', P .. 'c', chunk)
end
-- The same for some firings of a chunk. `wanted` has their ids as keys.
local function take_out(chunk, wanted)
  local about = cmsgpack.unpack(call('HGET', P .. 'c', chunk))
  local ids, rest = {}, {}
  for _, id in ipairs(split(about[5])) do
    if wanted[id] then
      ids[#ids + 1] = id
    else
      rest[#rest + 1] = id
    end
  end
  shrink(chunk, about, ids, table.concat(rest))
  return about
end
