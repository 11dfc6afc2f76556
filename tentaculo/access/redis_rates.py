"""What the calls of all instances took from their buckets, in the Redis that has the tokens.

A bucket is a number there too: the time at which it is full again, in microseconds of Redis' own clock.
A key shows neither the principal nor the client's address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from tentaculo.access.rate_limits import MOST_FILLINGS
from tentaculo.access.rate_sharing import Charge
from tentaculo.access.redis_calls import Argument, RedisCalls
from tentaculo.access.redis_scripts import PREFIX, Script, encode_name
from tentaculo.access.store import micros

# KEYS: buckets. ARGV: time for tests, then of each bucket: the time in which what was taken comes back, and
# the time in which it fills. Returns after how long each one is full.
CHARGE = Script(
    f"local MOST = {MOST_FILLINGS}\n"
    """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local owed = {}
for i, key in ipairs(KEYS) do
  local taken, filling = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local full = math.max(tonumber(redis.call('GET', key) or 0), now) + taken
  full = math.min(full, now + MOST * filling)
  owed[i] = full - now
  redis.call('SET', key, string.format('%.0f', full), 'PX', string.format('%.0f', math.ceil(owed[i] / 1000)))
end
return owed
"""
)


class RedisRates:
    """The buckets of all instances; `calls` are of its own, so that its faults pause no other's steps.

    The client of these is the token store's, which closes it: nothing may be charged after that.
    """

    def __init__(self, calls: RedisCalls, *, clock: Callable[[], float] | None = None) -> None:
        self._calls = calls
        self._clock = clock

    async def charge(self, charges: Sequence[Charge]) -> Sequence[float]:
        """Take from buckets in one step; return in how many seconds each one is full then.

        Raises TokenStoreUnavailable.
        """
        keys = [bucket_key(charge.route, charge.key) for charge in charges]
        arguments: list[Argument] = ["" if self._clock is None else micros(self._clock())]
        for charge in charges:
            arguments += (max(1, micros(charge.taken)), max(1, micros(charge.filling)))
        answer = await self._calls.run(CHARGE, keys, arguments)
        return [owed / 1e6 for owed in answer]


def bucket_key(route: str, key: str) -> str:
    """Return the key of a bucket."""
    name = encode_name(route)
    hashed = hashlib.sha256(b"%d:%b:" % (len(name), name) + encode_name(key))
    return f"{PREFIX}rate:{hashed.hexdigest()}"
