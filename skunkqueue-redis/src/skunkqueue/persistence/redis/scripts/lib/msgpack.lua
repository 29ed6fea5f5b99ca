-- MessagePack written by hand, where cmsgpack will not do: it writes bytes as text, and lists with holes as maps.
local pack = struct.pack
local NIL, YES, NO = '\192', '\195', '\194'
local function f64(x)
  return '\203' .. pack('>d', x)
end
local function u64(x)
  return '\207' .. pack('>I8', x)
end
local function bin(s)
  return '\198' .. pack('>I4', #s) .. s
end
local function str(s)
  return '\219' .. pack('>I4', #s) .. s
end
local function array(n)
  return '\221' .. pack('>I4', n)
end
local function maybe(make, x)
  return x and make(x) or NIL
end
