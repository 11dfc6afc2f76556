"""hermes' events in SQLite: numbers, each id once, what is kept, and files that can't be used."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from examples.vx11.event_store import EventStore, EventStoreError, open_store
from tests.examples.vx11.services import make_event


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file in a folder that is not there yet."""
    return tmp_path / "data" / "runtime" / "events.db"


async def _add(store: EventStore, *event_ids: str) -> int:
    return await store.add([make_event(event_id) for event_id in event_ids])


async def _kept(store: EventStore, after: int = 0, limit: int = 1_000) -> list[tuple[int, str]]:
    return [(one.number, json.loads(one.json)["event_id"]) for one in await store.after(after, limit)]


async def test_events_are_numbered_and_read_on(path: Path) -> None:
    """They come in their order, those after a number only, and as many as asked for."""
    async with open_store(path) as store:
        assert await store.last_number() == 0
        assert await _add(store, "a", "b", "c", "d") == 4
        assert await _kept(store) == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
        assert await _kept(store, 1, 2) == [(2, "b"), (3, "c")]
        assert await _kept(store, 4) == []
        assert await store.last_number() == 4


async def test_an_event_comes_back_as_it_was(path: Path) -> None:
    """Its JSON is one line with the very fields, whatever characters are in them."""
    event = make_event("a", "two\nlines \0 ñ 🐙 ' --", payload={"n": [1.5, None, {"ñ": "\r\n"}]})
    async with open_store(path) as store:
        await store.add([event])
        (stored,) = await store.after(0, 10)
    assert stored.json == event.to_json()
    assert "\n" not in stored.json


async def test_an_id_is_kept_once(path: Path) -> None:
    """Twice in one batch, in two, or before the file was closed: the first is kept."""
    async with open_store(path) as store:
        assert await store.add([make_event("a", "first"), make_event("a", "second")]) == 1
        assert await _add(store, "b", "a") == 1
    async with open_store(path) as store:
        assert await _add(store, "a", "b", "c") == 1
        assert [event_id for _, event_id in await _kept(store)] == ["a", "b", "c"]
        assert json.loads((await store.after(0, 1))[0].json)["summary"] == "first"


async def test_the_oldest_go_when_there_are_too_many(path: Path) -> None:
    """The bound holds in one batch and over many, after reopening too; numbers go on."""
    async with open_store(path, keep=3) as store:
        await _add(store, *"abcde")
        assert await _kept(store) == [(3, "c"), (4, "d"), (5, "e")]
        await _add(store, "f", "e")
        assert [event_id for _, event_id in await _kept(store)] == ["d", "e", "f"]
    async with open_store(path, keep=3) as store:
        await _add(store, "g")
        kept = await _kept(store)
    assert [event_id for _, event_id in kept] == ["e", "f", "g"]
    assert [number for number, _ in kept] == sorted({number for number, _ in kept})
    assert kept[-1][0] > 6


async def test_a_number_is_given_once(path: Path) -> None:
    """An event whose row is gone leaves its number to nobody: a client may have seen it."""
    async with open_store(path) as store:
        await _add(store, "a", "b")
    with sqlite3.connect(path) as other:
        other.execute("DELETE FROM events WHERE number = 2")
    other.close()
    async with open_store(path) as store:
        await _add(store, "c")
        assert (await _kept(store))[-1] == (3, "c")


async def test_others_may_read_while_it_is_open(path: Path) -> None:
    """The file is in WAL mode, sound, and holds what `add` returned for."""
    async with open_store(path) as store:
        await _add(store, "a", "b")
        reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert reader.execute("SELECT event_id FROM events").fetchall() == [("a",), ("b",)]
        reader.close()


async def test_all_of_a_batch_is_kept_or_none(path: Path) -> None:
    """A fault in the middle leaves nothing behind, and the next batch is added."""
    async with open_store(path) as store:
        await _add(store, "a")
        _forbid(path, "bad")
        with pytest.raises(EventStoreError, match="forbidden by the test"):
            await _add(store, "b", "bad", "c")
        assert [event_id for _, event_id in await _kept(store)] == ["a"]
        assert await _add(store, "b", "c") == 2


def _forbid(path: Path, event_id: str) -> None:
    other = sqlite3.connect(path)
    other.execute(
        "CREATE TRIGGER forbidden BEFORE INSERT ON events"
        f" WHEN new.event_id = '{event_id}' BEGIN SELECT RAISE(ABORT, 'forbidden by the test'); END"
    )
    other.close()


async def test_a_file_of_something_else_is_one_sentence(tmp_path: Path) -> None:
    """What is no database is left as it is, and named."""
    notes = tmp_path / "notes.txt"
    notes.write_text("these are notes of somebody" * 100)
    with pytest.raises(EventStoreError, match=f"^The events' file {notes} can't be used: .*database.*\\.$"):
        async with open_store(notes):
            pass
    assert notes.read_text() == "these are notes of somebody" * 100


async def test_a_folder_that_can_not_be_made_is_one_sentence(tmp_path: Path) -> None:
    """A file where its folder should be is told."""
    (tmp_path / "data").write_text("")
    with pytest.raises(EventStoreError, match=r"can't be used: File exists\.$"):
        async with open_store(tmp_path / "data" / "vx11.db"):
            pass


async def test_a_folder_in_its_place_is_one_sentence(tmp_path: Path) -> None:
    """So is a folder where the file should be."""
    with pytest.raises(EventStoreError, match="unable to open database file"):
        async with open_store(tmp_path):
            pass
