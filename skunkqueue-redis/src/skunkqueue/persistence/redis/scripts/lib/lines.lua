-- The line of a place and rank: for all workers, or for the one at which its firings are targeted.
local function line_of(place, rank, target)
  if target then
    return P .. 'a:' .. place .. ':' .. rank .. ':' .. target
  end
  return P .. 'r:' .. place .. ':' .. rank
end
