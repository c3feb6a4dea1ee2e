"""Schedules of checkpoints for a chain of steps: which states to keep so that least is computed again.

Sources: Griewank and Walther, Algorithm 799: revolve, 2000 (``splits`` by the number of states); Beaumont, Eyraud-Dubois,
Herrmann, Joly and Shilova, Optimal checkpointing for heterogeneous chains, 2019 (``Plan`` by bytes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np

from gradproof.engine.errors import CheckpointError

UNITS = 256  # a byte budget is cut in so many units; sizes are rounded up to them, so that a plan never exceeds it


def advances(length: int, slots: int) -> int:
    """The least number of steps to run again, and at first, that reverse a chain: with n = binomial(slots + r, slots) >= length,
    r least, it is r * length - binomial(slots + r, r - 1). The taping of each step itself is not counted.

    >>> advances(10, 3), advances(10, 1), advances(10, 10)
    (15, 45, 9)
    """
    if length < 1 or slots < 1:
        raise CheckpointError(f"a chain of {length} steps with {slots} states kept; expected at least one of each.")
    r = 0
    while comb(slots + r, slots) < length:
        r += 1
    return r * length - (comb(slots + r, r - 1) if r else 0)


def split(length: int, slots: int) -> int:
    """After how many steps of a chain to keep the next state, while ``slots`` may be kept, the chain's own start counted."""
    if slots == 1:
        return length - 1
    r = 0
    while comb(slots + r, slots) < length:
        r += 1
    # any k between these bounds is optimal: the part before must need no more than r repetitions with all slots, the
    # part after none more than r with one slot less
    return max(1, comb(slots + r - 2, slots), length - comb(slots - 1 + r, slots - 1))


# ---- by bytes


@dataclass(frozen=True)
class Plan:
    """What to do with a chain, as nested tuples of step numbers: ``("tape", i)`` keeps all residuals of step i, and
    ``("keep", i, plan)`` keeps the state before step i, runs the steps of ``plan`` twice, and drops their residuals in between.
    """

    parts: tuple[Any, ...]
    runs: int
    bytes: int


def planned(states: Sequence[int], residuals: Sequence[int], budget: int) -> Plan:
    """The plan of fewest steps run that keeps at most ``budget`` bytes at any time of the backward pass.

    ``states[i]`` are the bytes of the input of step i, ``residuals[i]`` those that its backward needs kept and its output.

    Raises: CheckpointError if no plan fits, with the least budget that does.
    """
    n = len(residuals)
    unit = max(1, -(-budget // UNITS))
    room = budget // unit
    state = [-(-b // unit) for b in states]
    residual = [-(-b // unit) for b in residuals]
    cost = np.full((n + 1, n + 1, room + 1), np.inf)  # steps run for i .. j - 1, by units of room; the state i is kept already
    choice = np.full((n + 1, n + 1, room + 1), -1, np.int64)  # 0: tape step i; k: keep the state before step k
    for i in range(n, -1, -1):
        cost[i, i] = 0.0
        for j in range(i + 1, n + 1):
            best, taken = cost[i, j], choice[i, j]
            _offer(best, taken, 0, 1.0 + _shifted(cost[i + 1, j], residual[i]))
            for k in range(i + 1, j):
                _offer(best, taken, k, float(k - i) + _shifted(cost[k, j], state[k]) + cost[i, k])
    if not np.isfinite(cost[0, n, room]):
        least = least_budget(states, residuals)
        raise CheckpointError(
            f"no schedule of {n} steps fits {budget} bytes; about {least} are the least that can. Give more, or cut the steps smaller."
        )
    parts = _parts(choice, state, residual, 0, n, room)
    return Plan(parts, int(cost[0, n, room]), _bytes(parts, states, residuals))


def least_budget(states: Sequence[int], residuals: Sequence[int]) -> int:
    """Bytes that the schedule of one kept state needs: each step is taped alone, from the start each time."""
    return max(r + (s if i else 0) for i, (r, s) in enumerate(zip(residuals, states, strict=True)))


def _shifted(costs: Any, units: int) -> Any:
    out = np.full_like(costs, np.inf)
    if units < costs.size:
        out[units:] = costs[: costs.size - units]
    return out


def _offer(best: Any, taken: Any, k: int, cost: Any) -> None:
    better = cost < best
    best[better], taken[better] = cost[better], k


def _parts(choice: Any, state: Sequence[int], residual: Sequence[int], i: int, j: int, room: int) -> tuple[Any, ...]:
    parts: list[Any] = []
    while i < j:
        k = int(choice[i, j, room])
        if k == 0:
            parts.append(("tape", i))
            room -= residual[i]
            i += 1
        else:
            parts.append(("keep", i, _parts(choice, state, residual, i, k, room)))
            room -= state[k]
            i = k
    return tuple(parts)


def _bytes(parts: Sequence[Any], states: Sequence[int], residuals: Sequence[int]) -> int:
    """The most bytes kept at any time: the backward pass meets the parts last first."""
    kept = [residuals[p[1]] if p[0] == "tape" else 0 for p in parts]
    for n, part in enumerate(parts):
        if part[0] == "keep" and n + 1 < len(parts):
            kept[n] += states[parts[n + 1][1]]  # the state that the next part starts from
    peak = 0
    for n, part in enumerate(parts):
        now = sum(kept[:n])
        peak = max(peak, now + (_bytes(part[2], states, residuals) if part[0] == "keep" else kept[n]))
    return max(peak, sum(kept))
