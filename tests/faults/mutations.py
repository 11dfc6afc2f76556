"""Seeded mutations: the same inputs in every run, each a good one that something happened to."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

ODD = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n\n",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"%",
    b"%00",
    b"%2f",
    b"\xff",
    b"\xc3\x28",
    b"-1",
    b"0",
    b"00",
    b"0x",
    b"ffffffffffffffff",
    b"18446744073709551616",
    b"1e9",
    b'"',
    b"'",
)


class Mutator:
    """Makes inputs of good ones; `words` are what means something to whoever reads them."""

    def __init__(self, seed: int, words: Sequence[bytes] = ()) -> None:
        self._chance = random.Random(seed)
        self._words = (*ODD, *words)

    def inputs(self, good: Sequence[bytes], count: int) -> Iterator[bytes]:
        """Yield so many inputs."""
        for number in range(count):
            data = good[number % len(good)]
            for _ in range(self._chance.choice((1, 1, 1, 2, 3, 8))):
                data = self._changed(data, good)
            yield data

    def slices(self, data: bytes) -> list[bytes]:
        """Cut an input into the reads that it arrives in."""
        cuts = sorted(
            self._chance.randrange(len(data) + 1) for _ in range(self._chance.choice((0, 0, 1, 2, 9)))
        )
        return [
            piece
            for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)
            if (piece := data[start:end])
        ]

    def _changed(self, data: bytes, good: Sequence[bytes]) -> bytes:
        chance = self._chance
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice((1, 1, 2, 5, 20, 100)))
        kind = chance.randrange(7)
        if kind == 0:
            return data[:start] + data[end:]
        if kind == 1:
            return data[:end] + data[start:]
        if kind == 2:
            return data[:start] + chance.choice(self._words) + data[start:]
        if kind == 3:
            return data[:start] + chance.choice(self._words) + data[end:]
        if kind == 4:
            return data[:start] + bytes([chance.randrange(256)]) + data[start + 1 :]
        if kind == 5:
            return data[:start] if chance.randrange(4) == 0 else data + chance.choice(self._words)
        other = chance.choice(good)
        return data[:start] + other[chance.randrange(len(other) + 1) :]
