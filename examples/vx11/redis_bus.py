"""The bus on Redis Streams (Redis 7): kept as safely as its server keeps (DURABLE), and shared by all madres.

A topic is a stream, a group one of its consumer groups; what is overdue is claimed by XAUTOCLAIM.  Each step
is one script and one round trip, within a time limit; every fault of the driver becomes BusUnavailable.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from redis.exceptions import NoScriptError

from examples.vx11.bus import (
    KEPT_MESSAGES,
    MOST_GROUPS,
    MOST_TOPICS,
    REDELIVERED_AFTER,
    BusFull,
    BusUnavailable,
    GroupState,
    Message,
    TopicState,
    share_of,
)
from tentaculo.access.redis_client import make_client
from tentaculo.access.redis_scripts import Script
from tentaculo.access.redis_url import Kind, read_url

# How redis-server is started so that nothing is lost that it answered: with `everysec` it answers before it
# writes whenever the disk is slow.
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")

PREFIX = "vx11:"
TOPICS = f"{PREFIX}topics"

Argument = bytes | str | int

_MESSAGE_ID = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")

_ADMIT = """
local function admits(topics, topic, most)
  if redis.call('SISMEMBER', topics, topic) == 1 then return true end
  if redis.call('SCARD', topics) >= tonumber(most) then return false end
  redis.call('SADD', topics, topic)
  return true
end
"""

_PUBLISH = Script(
    _ADMIT
    + """
if not admits(KEYS[1], ARGV[1], ARGV[2]) then return false end
return redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[3], '*', 'body', ARGV[4], 'correlation_id', ARGV[5])
"""
)

_TAKE = Script(
    _ADMIT
    + """
local group, consumer, share, overdue, resumes = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[7] == '1'
local taken = {}

local function begin(key)
  local groups = redis.call('EXISTS', key) == 1 and redis.call('XINFO', 'GROUPS', key) or {}
  for _, known in ipairs(groups) do
    if known[2] == group then return true end
  end
  if #groups >= tonumber(ARGV[6]) then return false end
  redis.call('XGROUP', 'CREATE', key, group, '0', 'MKSTREAM')
  return true
end

local function add(topic, entry, deliveries)
  taken[#taken + 1] = {topic, entry[1], entry[2][2], entry[2][4], deliveries}
end

local function add_again(key, topic, entry)
  add(topic, entry, redis.call('XPENDING', key, group, entry[1], entry[1], 1)[1][4])
end

local function resume(key, topic)
  local left, after = share, '0'
  repeat
    local own = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', left, 'STREAMS', key, after)[1][2]
    for _, entry in ipairs(own) do
      after = entry[1]
      if entry[2] then  -- else it was let go
        add_again(key, topic, entry)
        left = left - 1
      end
    end
  until #own == 0 or left == 0
  return left
end

for i = 2, #KEYS do
  if not admits(KEYS[1], ARGV[i + 6], ARGV[5]) or not begin(KEYS[i]) then return false end
end
for i = 2, #KEYS do
  local key, topic = KEYS[i], ARGV[i + 6]
  local left, cursor = resumes and resume(key, topic) or share, '0-0'
  while left > 0 do
    local claimed = redis.call('XAUTOCLAIM', key, group, consumer, overdue, cursor, 'COUNT', left)
    cursor = claimed[1]
    for _, entry in ipairs(claimed[2]) do
      add_again(key, topic, entry)
      left = left - 1
    end
    if cursor == '0-0' then break end
  end
  if left > 0 then
    local read = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', left, 'STREAMS', key, '>')
    for _, entry in ipairs(read and read[1][2] or {}) do add(topic, entry, 1) end
  end
end
return taken
"""
)

_POSITIONS = Script("""
local positions = {}
for i, key in ipairs(KEYS) do
  positions[i] = '0-0'
  local groups = redis.call('EXISTS', key) == 1 and redis.call('XINFO', 'GROUPS', key) or {}
  for _, known in ipairs(groups) do
    for n = 1, #known, 2 do
      if known[2] == ARGV[1] and known[n] == 'last-delivered-id' then positions[i] = known[n + 1] end
    end
  end
end
return positions
""")

_STATES = Script("""
local function named(list)
  local fields = {}
  for n = 1, #list, 2 do fields[list[n]] = list[n + 1] end
  return fields
end

-- A server that read its log anew can't tell the lag until it is told how much the group has read.
local function lag(key, added, group)
  if group['lag'] then return group['lag'] end
  local count, last = 0, group['last-delivered-id']
  local from = last
  repeat
    local page = redis.call('XRANGE', key, '(' .. from, '+', 'COUNT', 100)
    if #page > 0 then from = page[#page][1] end
    count = count + #page
  until #page < 100
  redis.call('XGROUP', 'SETID', key, group['name'], last, 'ENTRIESREAD', added - count)
  return count
end

local states = {}
for _, topic in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local key, groups = ARGV[1] .. topic, {}
  if redis.call('EXISTS', key) == 1 then
    local stream = named(redis.call('XINFO', 'STREAM', key))
    for i, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do
      local known = named(group)
      groups[i] = {known['name'], known['pending'], lag(key, stream['entries-added'], known)}
    end
    states[#states + 1] = {topic, stream['length'], stream['entries-added'], groups}
  end
end
return states
""")


class RedisBus:
    """Keeps the last `keep` messages of each topic; `timeout` in seconds is what one step may take.

    Opens nothing yet, and connects anew by itself: a server that is away is no fault here.  Raises
    ValueError, with a sentence that holds none of it, for a URL that names no server.
    """

    def __init__(
        self,
        url: str,
        *,
        keep: int = KEPT_MESSAGES,
        redelivered_after: float = REDELIVERED_AFTER,
        timeout: float = 1.0,
    ) -> None:
        target = read_url(url)
        if target.kind is Kind.CLUSTER:
            raise ValueError("must name a server or sentinels, no cluster")
        self._client = make_client(target, timeout=timeout)
        self._keep = keep
        self._overdue_ms = int(redelivered_after * 1000)
        self._timeout = timeout

    async def publish(self, topic: str, body: bytes, correlation_id: str) -> str:
        """Keep a message, and return its id."""
        arguments = (topic, MOST_TOPICS, self._keep, body, correlation_id)
        message_id = await self._run(_PUBLISH, (TOPICS, _key(topic)), arguments)
        if message_id is None:
            raise BusFull
        return str(message_id.decode())

    async def take(
        self, group: str, consumer: str, topics: Sequence[str], limit: int, *, resume: bool = False
    ) -> list[Message]:
        """Return at once what there is for the group."""
        bounds = (share_of(limit, topics), self._overdue_ms, MOST_TOPICS, MOST_GROUPS)
        arguments: tuple[Argument, ...] = (group, consumer, *bounds, int(resume), *topics)
        taken = await self._run(_TAKE, (TOPICS, *map(_key, topics)), arguments)
        if taken is None:
            raise BusFull
        return [_message(*fields) for fields in taken]

    async def arrival(self, group: str, topics: Sequence[str], seconds: float) -> None:
        """Return when there is something new for the group, after `seconds` at the latest."""
        keys = [_key(topic) for topic in topics]
        positions = await self._run(_POSITIONS, keys, (group,))
        # Read, not taken: a poll that ends here has nothing in its hands.
        block = ("BLOCK", max(1, int(seconds * 1000)))
        await self._execute("XREAD", "COUNT", 1, *block, "STREAMS", *keys, *positions, wait=seconds)

    async def ack(self, group: str, topic: str, message_ids: Sequence[str]) -> int:
        """Forget that the messages are pending."""
        known = [message_id for message_id in message_ids if _MESSAGE_ID.fullmatch(message_id)]
        return int(await self._execute("XACK", _key(topic), group, *known)) if known else 0

    async def topics(self) -> list[TopicState]:
        """Return the figures of every topic, by name."""
        states = await self._run(_STATES, (TOPICS,), (_key(""),))
        return sorted((_topic_state(*fields) for fields in states), key=lambda state: state.topic)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()

    async def _run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        rest = (len(keys), *keys, *arguments)
        try:
            return await self._execute("EVALSHA", script.sha, *rest)
        except NoScriptError:  # a new server, or one that was told to forget
            return await self._execute("EVAL", script.text, *rest)

    async def _execute(self, *command: Argument, wait: float = 0.0) -> Any:
        try:
            async with asyncio.timeout(self._timeout + wait):
                return await self._client.execute(*command)
        except NoScriptError:
            raise
        except Exception as fault:  # the driver's own texts hold addresses, and some the command
            raise BusUnavailable(type(fault).__name__) from None


def _key(topic: str) -> str:
    return f"{PREFIX}topic:{topic}"


def _message(topic: bytes, message_id: bytes, body: bytes, correlation_id: bytes, deliveries: int) -> Message:
    return Message(
        topic=topic.decode(),
        message_id=message_id.decode(),
        body=body,
        correlation_id=correlation_id.decode(),
        deliveries=deliveries,
    )


def _topic_state(topic: bytes, messages: int, added: int, groups: list[tuple[bytes, int, int]]) -> TopicState:
    states = (
        # Redis counts what was let go before it was taken, too.
        GroupState(group=group.decode(), pending=pending, lag=min(lag, messages))
        for group, pending, lag in groups
    )
    ordered = tuple(sorted(states, key=lambda state: state.group))
    return TopicState(topic=topic.decode(), messages=messages, trimmed=added - messages, groups=ordered)
