--@ msgpack firings
-- One firing as rows.py decodes it: what was put in, without its body; its extras; its end; its lease; and whether its
-- route is paused.
local ends_seen, pauses = {}, {}
local function is_paused(place)
  if pauses[place] == nil then
    local about = call('HMGET', P .. 'q:' .. place, 'paused', 'qpaused')
    pauses[place] = (about[1] or about[2]) and true or false
  end
  return pauses[place]
end
local function more_of(x)
  return '\152' .. maybe(f64, tonumber(x.due)) .. (x.noexp and YES or NO) .. u64(tonumber(x.deaths or 0))
    .. maybe(bin, x.progress) .. maybe(str, x.worker) .. u64(tonumber(x.tries or 0)) .. str(x.again or '')
    .. maybe(str, x.error)
end
-- Returns also when it ended. Where it ended with another worker than the one asked for, if any, nothing is made of it.
local function end_of(ended, worker)
  local offset, chunk, state, _, began, last = cmsgpack.unpack_limit(ended, 5, 1)
  local about = ends_seen[chunk]
  if not about then
    local packed = call('HGET', P .. 'c', chunk)
    if not packed then
      return nil
    end
    local _, finished, worker = cmsgpack.unpack_limit(packed, 2, 1)
    about = { finished, worker ~= '' and worker or nil }
    ends_seen[chunk] = about
  end
  if worker and (about[2] or last) ~= worker then
    return nil, about[1]
  end
  local _, at = bin_at(ended, offset + 1)
  local size, behind = bin_at(ended, at)
  local took, line
  if behind <= #ended then
    _, took, line = cmsgpack.unpack_limit(ended, 2, behind - 1)
  end
  return '\151' .. str(state) .. maybe(f64, began) .. maybe(str, about[2] or last) .. maybe(f64, took) .. maybe(str, line)
    .. u64(size) .. f64(about[1]), about[1]
end
local function row_of(firing, ended, lease)
  local labels, size = labels_at(firing.stored, firing.offset)
  return '\159' .. firing.stored:sub(1, firing.offset) .. u64(size) .. str(labels)
    .. (firing.extras and more_of(firing.extras) or NIL) .. (ended or NIL) .. (lease or NIL)
    .. (is_paused(firing.place) and YES or NO)
end
