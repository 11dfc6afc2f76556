"""hermes' events in one SQLite file: numbered, each event id once, the newest `keep` of them.

What was added is on the disk.  It knows neither the bus nor HTTP.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiosqlite

from examples.vx11.events import Event

MOST_EVENTS = 100_000

# A number is never given twice, not even after the newest events were lost with their file's end.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    event TEXT NOT NULL
)
"""
_ADD = "INSERT INTO events (event_id, created_at, event) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_TRIM = "DELETE FROM events WHERE number IN (SELECT number FROM events ORDER BY number LIMIT ?)"
_AFTER = "SELECT number, event FROM events WHERE number > ? ORDER BY number LIMIT ?"


class EventStoreError(Exception):
    """The file can't be used; the text is a sentence that names it."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event's JSON, one line, under its number."""

    number: int
    json: str


class EventStore:
    """Adds and reads events; `open_store` makes one.  Where SQLite fails a step it raises EventStoreError."""

    def __init__(
        self, path: Path, writer: aiosqlite.Connection, reader: aiosqlite.Connection, *, keep: int
    ) -> None:
        # Two connections: what is read has been committed.
        self._writer = writer
        self._reader = reader
        self._path = path
        self._keep = keep
        self._count = 0

    async def prepare(self) -> None:
        """Make the table where there is none."""
        async with self._failing():
            await self._writer.execute("PRAGMA journal_mode = WAL")
            await self._writer.execute("PRAGMA synchronous = FULL")
            await self._writer.execute(_SCHEMA)
            self._count = await self._number("SELECT count(*) FROM events")

    async def add(self, events: Sequence[Event]) -> int:
        """Keep the events whose ids are new, all or none of them; return how many those were."""
        rows = [(event.event_id, event.created_at, event.to_json()) for event in events]
        async with self._failing(), self._transaction():
            added = (await self._writer.executemany(_ADD, rows)).rowcount
            excess = max(0, self._count + added - self._keep)
            if excess:
                await self._writer.execute(_TRIM, (excess,))
        self._count += added - excess
        return added

    async def after(self, number: int, limit: int) -> list[StoredEvent]:
        """Return the first `limit` events with higher numbers, in their order."""
        async with self._failing():
            rows = await self._reader.execute_fetchall(_AFTER, (number, limit))
        return [StoredEvent(*row) for row in rows]

    async def last_number(self) -> int:
        """Return the newest event's number, 0 where there is none."""
        async with self._failing():
            return await self._number("SELECT ifnull(max(number), 0) FROM events")

    async def _number(self, query: str) -> int:
        (row,) = await self._reader.execute_fetchall(query)
        return int(row[0])

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        try:
            await self._writer.execute("BEGIN IMMEDIATE")
            yield
            await self._writer.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite may have ended it by itself
                await self._writer.execute("ROLLBACK")
            raise

    @asynccontextmanager
    async def _failing(self) -> AsyncIterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _error(self._path, error) from error


@asynccontextmanager
async def open_store(path: Path, *, keep: int = MOST_EVENTS) -> AsyncIterator[EventStore]:
    """Open the file, made with its folder where it is missing, until the end of the block."""
    try:
        await asyncio.to_thread(_make_file, path)
    except (OSError, sqlite3.Error) as error:
        raise _error(path, error) from error
    async with _connect(path) as writer, _connect(path) as reader:
        store = EventStore(path, writer, reader, keep=keep)
        await store.prepare()
        yield store


def _make_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sqlite3.connect(path).close()


def _connect(path: Path) -> aiosqlite.Connection:
    return aiosqlite.connect(path, isolation_level=None)


def _error(path: Path, error: OSError | sqlite3.Error) -> EventStoreError:
    reason = error.strerror if isinstance(error, OSError) else error
    return EventStoreError(f"The events' file {path} can't be used: {reason}.")
