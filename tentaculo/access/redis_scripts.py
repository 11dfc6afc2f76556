"""The steps of a token store in Lua, one script each, and how keys and names are written.

Times are whole microseconds of Redis' TIME, which a double holds exactly. A token is a hash: principal `p`,
fingerprint `f`, routes `r1`… and their number `n`, epoch at its issue `E`, issued `i`, end `x`, reuse `u`,
grace `G`, greatest age `A`, streams `M`, binding `B`, address `D`; since its first redeem `s`, agent `a` (the
cookie binds without it), openings `g`, last end of one `q`, end of each one's lease `l1`…. Two sorted sets by
end have what is valid: tokens never redeemed, and others. Names are values; a block's key has a digest.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

# One hash tag: a cluster runs a script only where all its keys share a slot.
PREFIX = "{tentaculo}:"
UNREDEEMED = f"{PREFIX}unredeemed"
REDEEMED = f"{PREFIX}redeemed"
EPOCHS = f"{PREFIX}epochs"


def token_key(digest: bytes) -> str:
    """Return the key of a token."""
    return f"{PREFIX}token:{digest.hex()}"


def block_key(principal: str) -> str:
    """Return the key that stands while a principal's own token is refused."""
    return f"{PREFIX}block:{hashlib.sha256(encode_name(principal)).hexdigest()}"


def channel_name(database: int) -> str:
    """Return the channel of a database: unlike keys, channels are shared by all of them."""
    return f"{PREFIX}events:{database}"


def encode_name(name: str) -> bytes:
    """Return a name's bytes, whatever characters it has."""
    return name.encode("utf-8", "surrogatepass")


def decode_name(name: bytes) -> str:
    """Return the name of its bytes."""
    return name.decode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Script:
    """A script's text, and the SHA-1 that Redis knows it by."""

    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest())


# ARGV[1] of every script is the time for tests; empty, and in production it always is, Redis' own counts.
_COMMON = """
local LEASE, KEPT = 15000000, 60000000
local function whole(number) return string.format('%.0f', number) end
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

local function load(key)
  local token, flat = {}, redis.call('HGETALL', key)
  for i = 1, #flat, 2 do token[flat[i]] = flat[i + 1] end
  if token.x and now < token.x + KEPT then return token end
end

local function leases(token)
  local open = {}
  for name, value in pairs(token) do
    local generation = string.match(name, '^l(%d+)$')
    if generation then open[#open + 1] = {tonumber(generation), tonumber(value)} end
  end
  table.sort(open, function(a, b) return a[1] < b[1] end)
  return open
end

local function ends(token)
  local quiet = tonumber(token.q or 0)
  for _, lease in ipairs(leases(token)) do quiet = math.max(quiet, lease[2]) end
  return math.min(token.i + token.A, quiet + token.G + 1)
end

local function keep(key, set, token, digest)
  redis.call('HSET', key, 'x', whole(token.x))
  if token.x > now then redis.call('ZADD', set, whole(token.x), digest) end
  redis.call('PEXPIRE', key, whole(math.ceil((token.x - now + KEPT) / 1000)))
end

local function let_go(set, most)
  local past = redis.call('ZCOUNT', set, '-inf', whole(now))
  local gone = math.min(past, most)
  if gone > 0 then redis.call('ZREMRANGEBYRANK', set, 0, gone - 1) end
  return gone, redis.call('ZCARD', set) - (past - gone)
end
"""

# KEYS: token, unredeemed, redeemed, epochs, block. ARGV: time, most tokens, digest, principal, seconds to
# live, fields and values. Returns 1 if it is kept, 0 if there is no room, -1 if the principal is blocked; and
# how many expired.
ISSUE = Script(
    _COMMON
    + """
local expired, unredeemed = let_go(KEYS[2], 1000)
local _, redeemed = let_go(KEYS[3], 1000)
if tonumber(redis.call('GET', KEYS[5]) or 0) > now then return {-1, expired} end
if unredeemed + redeemed >= tonumber(ARGV[2]) then return {0, expired} end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[3], ARGV[3])
local epoch = redis.call('HGET', KEYS[4], ARGV[4]) or '0'
redis.call('HSET', KEYS[1], 'i', whole(now), 'E', epoch, 'p', ARGV[4], unpack(ARGV, 6))
keep(KEYS[1], KEYS[2], {x = now + ARGV[5]}, ARGV[3])
return {1, expired}
"""
)

# KEYS: token, unredeemed, redeemed, epochs. ARGV: time, digest, channel, route, binding ('=' before it, or
# nothing), agent, address. Returns the reason of a refusal, or: '', age, generation, openings taken over,
# principal, fingerprint, routes.
REDEEM = Script(
    _COMMON
    + """
local token = load(KEYS[1])
if not token then return {'token_unknown'} end
local routes, allowed = {}, false
for i = 1, tonumber(token.n) do
  routes[i] = token['r' .. i]
  allowed = allowed or routes[i] == ARGV[4]
end
if not allowed then return {'token_for_other_route'} end
if token.E ~= (redis.call('HGET', KEYS[4], token.p) or '0') then return {'token_revoked'} end
if token.D and token.D ~= ARGV[7] then return {'token_reused'} end

local generation, taken = 0, {}
token.x = tonumber(token.x)
if token.u == 'once' then
  if token.s then return {'token_used'} end
  if now >= token.x then return {'token_expired'} end
  token.x = now
elseif token.u == 'ttl' then
  if now >= token.x then return {'token_expired'} end
else
  local has_cookie = token.B and '=' .. token.B == ARGV[5]
  if token.s then
    if token.a and token.a ~= ARGV[6] or not token.a and not has_cookie then return {'token_reused'} end
  end
  if now >= token.x then return {'token_expired'} end
  local open, most = leases(token), tonumber(token.M)
  if most <= 1 then
    taken = open
  elseif #open >= most then
    for _, lease in ipairs(open) do
      if lease[2] <= now and (not taken[1] or lease[2] < taken[1][2]) then taken[1] = lease end
    end
    if not taken[1] then return {'too_many_streams'} end
  end
  for i, lease in ipairs(taken) do
    redis.call('HDEL', KEYS[1], 'l' .. lease[1])
    token['l' .. lease[1]] = nil
    taken[i] = lease[1]
  end
  generation = tonumber(token.g or 0) + 1
  token['l' .. generation] = now + LEASE
  redis.call('HSET', KEYS[1], 'g', generation, 'l' .. generation, whole(now + LEASE))
  if not token.s and not has_cookie then redis.call('HSET', KEYS[1], 'a', ARGV[6]) end
  token.x = ends(token)
end

if not token.s then
  redis.call('HSET', KEYS[1], 's', '1')
  redis.call('ZREM', KEYS[2], ARGV[2])
end
keep(KEYS[1], KEYS[3], token, ARGV[2])
if #taken > 0 then
  redis.call('PUBLISH', ARGV[3], 'superseded ' .. ARGV[2] .. ' ' .. table.concat(taken, ' '))
end
return {'', now - token.i, generation, taken, token.p, token.f, routes}
"""
)

# KEYS: redeemed, a token of each lease. ARGV: time, digest and generation of each. Returns the numbers of
# those that were taken over.
RENEW = Script(
    _COMMON
    + """
local taken = {}
for i = 2, #KEYS do
  local digest, generation = ARGV[2 * i - 2], ARGV[2 * i - 1]
  local token = load(KEYS[i])
  if token and token['l' .. generation] then
    token['l' .. generation] = now + LEASE
    redis.call('HSET', KEYS[i], 'l' .. generation, whole(now + LEASE))
    token.x = ends(token)
    keep(KEYS[i], KEYS[1], token, digest)
  elseif token and tonumber(generation) <= tonumber(token.g or 0) then
    taken[#taken + 1] = i - 2
  end
end
return taken
"""
)

# KEYS: token, redeemed. ARGV: time, digest, generation.
RELEASE = Script(
    _COMMON
    + """
local token, opening = load(KEYS[1]), 'l' .. ARGV[3]
if not token or not token[opening] then return 0 end
token[opening], token.q = nil, now
redis.call('HDEL', KEYS[1], opening)
redis.call('HSET', KEYS[1], 'q', whole(now))
token.x = ends(token)
keep(KEYS[1], KEYS[2], token, ARGV[2])
return 1
"""
)

# KEYS: epochs, block. ARGV: time, principal, how long to block, channel.
REVOKE = Script(
    _COMMON
    + """
-- Never the same number twice, even after Redis lost all of them: a token of before could match it.
local epoch = whole(math.max(tonumber(redis.call('HGET', KEYS[1], ARGV[2]) or 0) + 1, now))
redis.call('HSET', KEYS[1], ARGV[2], epoch)
local before, until_ = tonumber(redis.call('GET', KEYS[2]) or 0), now + ARGV[3]
if until_ > now and until_ > before then
  redis.call('SET', KEYS[2], whole(until_), 'PX', whole(math.ceil((until_ - now) / 1000)))
end
local blocked = whole(math.max(before, until_) - now)
redis.call('PUBLISH', ARGV[4], 'revoked ' .. epoch .. ' ' .. blocked .. ' ' .. ARGV[2])
return 1
"""
)

# KEYS: epochs, a block of each principal. ARGV: time, principals. Returns epoch and microseconds of each.
STANDINGS = Script(
    _COMMON
    + """
local standings = {}
for i = 2, #KEYS do
  standings[#standings + 1] = redis.call('HGET', KEYS[1], ARGV[i]) or '0'
  standings[#standings + 1] = whole(math.max(tonumber(redis.call('GET', KEYS[i]) or 0) - now, 0))
end
return standings
"""
)

# KEYS: unredeemed, redeemed. ARGV: time. Returns how many are valid, and how many expired.
CENSUS = Script(
    _COMMON
    + """
local expired, unredeemed = let_go(KEYS[1], 10000)
local _, redeemed = let_go(KEYS[2], 10000)
return {unredeemed + redeemed, expired}
"""
)
