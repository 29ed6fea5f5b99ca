--@ leases finished pruning counters places
-- Ends firings, by groups of one token, state and ttl. A group is a list of token, state, ttl, chunk, the number of the
-- argument with its ids (one after the other), the number of the argument before the first end, counters, job, and
-- marks (finished.lua).
-- Where a group has many jobs, `job` is a list of their names, how many firings each has, and the number of the
-- argument with [name, ids one after the other] of each; and `counters` is the number of the argument that log_counts()
-- takes.
-- Where some outcomes are stale, it changes nothing and returns their ids, so that the caller adds up the counters of
-- the others anew.
local function finish_all(groups)
  local stale, ids_of, held_of = {}, {}, {}
  for g, group in ipairs(groups) do
    local all = ARGV[group[5]]
    local ids = {}
    for i = 1, #all / 24 do
      ids[i] = all:sub(24 * i - 23, 24 * i)
    end
    ids_of[g] = ids
    -- Most workers settle all that they claimed, in its order.
    if call('HGET', P .. 'l:' .. group[1], '*') ~= all then
      unfold(group[1])
      local held = {}
      for first = 1, #ids, SLICE do
        local last = math.min(first + SLICE - 1, #ids)
        local got = call('HMGET', P .. 'l:' .. group[1], unpack(ids, first, last))
        for i = first, last do
          held[i] = got[i - first + 1]
          if not held[i] then
            stale[#stale + 1] = ids[i]
          end
        end
      end
      held_of[g] = held
    end
  end
  if #stale > 0 then
    return stale
  end
  -- Old firings are removed as fast as new ones finish; sweeping alone could not keep up.
  local coming = 0
  for _, ids in ipairs(ids_of) do
    coming = coming + #ids
  end
  forget_hollow(2 * coming)
  prune_past_ttl(2 * coming)
  for g, group in ipairs(groups) do
    local token, state, ttl, chunk, all, before, values, job, marks = unpack(group, 1, 9)
    local ids, held, meta = ids_of[g], held_of[g], meta_of(token)
    if held then
      for i, flags in ipairs(held) do
        if flags ~= '' then
          if flags:find('k', 1, true) then
            call('HDEL', P .. 'k:' .. queue_of(meta.place), load(ids[i]).key)
          end
          if flags:find('x', 1, true) then
            marks[#marks + 1] = past_error(load(ids[i]), ARGV[before + i])
          end
          if flags:find('!', 1, true) then
            call('ZREM', P .. 'e:' .. meta.place, token .. ':' .. ids[i])
          end
        end
      end
      for first = 1, #ids, SLICE do
        call('HDEL', P .. 'l:' .. token, unpack(ids, first, math.min(first + SLICE - 1, #ids)))
      end
    else
      call('HDEL', P .. 'l:' .. token, '*')
    end
    drop_if_empty(token, meta)
    buckets(ids, function(bucket, first, last)
      local fields, n = {}, 0
      for i = first, last do
        fields[n + 1] = ids[i]
        fields[n + 2] = ARGV[before + i]
        n = n + 2
      end
      call('HSET', P .. 'd:' .. bucket, unpack(fields))
    end)
    local jobs
    if type(job) == 'table' then
      job, jobs = '', { job[1], job[2], ARGV[job[3]] }
    end
    file_away(meta.place, state, ids, chunk, ttl, meta.worker, ARGV[all], job, #marks > 0 and marks or nil, nil, jobs)
    if jobs then
      log_counts(meta.place, ARGV[values])
    else
      tally(meta.place, values, job)
    end
  end
  return nil
end
