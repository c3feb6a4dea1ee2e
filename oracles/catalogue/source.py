"""One decoder of bytes: every draw of the generator comes from here, so any byte string is a valid case.

``verify`` and ``mutants`` feed it seeded PRNG bytes, pytest feeds it Hypothesis' ``st.binary`` (docs/judge.md 4). When the
bytes end it yields zeros, and 0 is the simplest choice everywhere, so shrinking bytes shrinks cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Source:
    """A cursor over bytes."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def byte(self) -> int:
        """The next byte, or 0 past the end."""
        position = self.position
        self.position = position + 1
        return self.data[position] if position < len(self.data) else 0

    def below(self, n: int) -> int:
        """An integer in 0 .. n-1 (n at most 256)."""
        return self.byte() % n

    def integer(self, size: int) -> int:
        """An unsigned integer of ``size`` bytes."""
        value = 0
        for _ in range(size):
            value = value << 8 | self.byte()
        return value

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices; the first is the simplest."""
        return choices[self.byte() % len(choices)]

    def flag(self, one_in: int = 2) -> bool:
        """True once in ``one_in``; False is simplest."""
        return self.byte() % one_in == one_in - 1
