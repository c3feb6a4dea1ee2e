"""A program within a budget of bytes: values that are kept long are computed again where they are needed next.

For a chain of equal steps ``schedule`` has the optimum; a program of any shape gets a greedy heuristic: at the instruction with the most
bytes alive, the value that lies idle there and is cheapest to make again for each byte is dropped, until the peak fits. What
is run again is the same kernels on the same values, so every output keeps its bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from gradproof.engine.errors import CheckpointError
from gradproof.engine.program import CHECKS, Instruction, Kind, Program, Ref, function, replaced
from gradproof.engine.simplify import FRESH, VIEWS, without_dead

DEPTH_MAX = 12  # instructions run again for one value; more is left to the next round


@dataclass(frozen=True)
class Alive:
    """Bytes of variables alive while each instruction runs; inputs and constants, which are there anyway, are not counted."""

    bytes: tuple[int, ...]
    last: Mapping[int, int]

    @property
    def peak(self) -> int:
        """The most at any instruction."""
        return max(self.bytes, default=0)


def alive(program: Program) -> Alive:
    """What is alive when, if a value goes after its last use and a view keeps what it is a view of."""
    last = _last_uses(program)
    change = [0] * (len(program.instructions) + 1)
    for n, one in enumerate(program.instructions):
        size = 0 if one.op in VIEWS else program.kinds[one.out].bytes
        change[n] += size
        change[last[one.out] + 1 if last[one.out] < len(program.instructions) else len(program.instructions)] -= size
    return Alive(tuple(int(v) for v in np.cumsum(change[:-1])), last)


def _last_uses(program: Program) -> dict[int, int]:
    """The last instruction that needs the memory of each variable, through whatever may be a view of it; outputs last for ever."""
    last: dict[int, int] = {}
    views: dict[int, list[int]] = {}
    for n, one in enumerate(program.instructions):
        for i in one.reads:
            last[i] = n
            if one.op not in FRESH and not isinstance(function(one.op), np.ufunc):
                views.setdefault(i, []).append(one.out)
        last[one.out] = n
    for i in program.outputs:
        last[i] = len(program.instructions)
    for one in reversed(program.instructions):
        for i in one.reads:
            last[i] = max([last[i], *(last[v] for v in views.get(i, ()))])
    return last


def within(program: Program, budget: int) -> Program:
    """The program with at most ``budget`` bytes alive at any time, besides its inputs and constants.

    Raises: CheckpointError if the heuristic gets no lower.

    >>> import gradproof.engine as ge
    >>> def f(x):
    ...     y = ge.exp(x)
    ...     return ge.sum(ge.sin(ge.sum(ge.cos(ge.tanh(x) * 2.0))) * y)
    >>> program = ge.trace(f).program(np.ones(1000))
    >>> alive(program).peak, alive(within(program, 16_100)).peak, len(within(program, 16_100).instructions) - len(program.instructions)
    (24000, 16008, 1)
    """
    refused: set[tuple[int, int]] = set()
    best = alive(program)
    while best.peak > budget:
        at = best.bytes.index(best.peak)
        options = [c for c in _candidates(program, best, at) if (c.variable, c.needed) not in refused]
        if not options:
            raise CheckpointError(
                f"the program needs {best.peak} bytes at instruction {at}, more than {budget}, and nothing that is idle there can be computed "
                "again. Give more, or checkpoint a part of the function."
            )
        choice = min(options, key=lambda c: (c.work / c.gain, c.variable))
        shorter = _again(program, choice)
        now = alive(shorter)
        if (now.peak, now.bytes.count(now.peak)) < (best.peak, best.bytes.count(best.peak)):
            program, best = shorter, now
            refused.clear()
        else:
            refused.add((choice.variable, choice.needed))
    return without_dead(program)


@dataclass(frozen=True)
class Candidate:
    """A variable that is idle at the peak: what is to be run again, before which instruction, for how much work and how many bytes."""

    variable: int
    needed: int
    again: tuple[Instruction, ...]
    work: float
    gain: int


def _candidates(program: Program, now: Alive, at: int) -> list[Candidate]:
    maker = {one.out: n for n, one in enumerate(program.instructions)}
    idle = []
    for one in program.instructions[:at]:
        i = one.out
        if one.op in VIEWS or one.op in CHECKS or now.last[i] <= at or i in program.outputs or not program.kinds[i].bytes:
            continue
        needed = next((n for n in range(at, len(program.instructions)) if i in program.instructions[n].reads), None)
        if needed is None or needed == at:
            continue
        again = _rerun(program, maker, now, i, at, needed)
        if again is not None:
            idle.append(Candidate(i, needed, again, sum(_work(program, a) for a in again), program.kinds[i].bytes))
    return idle


def _rerun(
    program: Program, maker: Mapping[int, int], now: Alive, variable: int, at: int, needed: int
) -> tuple[Instruction, ...] | None:
    """The instructions that make a variable again from what is alive when it is needed; None if they are too many."""
    todo, found = [variable], dict[int, Instruction]()
    while todo:
        i = todo.pop()
        if i in found:
            continue
        one = program.instructions[maker[i]]
        if one.op in CHECKS or len(found) == DEPTH_MAX:
            return None
        found[i] = one
        todo += [j for j in one.reads if j in maker and (now.last[j] < needed or j == variable)]
    return tuple(sorted(found.values(), key=lambda one: maker[one.out]))


def _again(program: Program, choice: Candidate) -> Program:
    """The program with a value made again where it is needed, and read there from then on."""
    kinds: list[Kind] = list(program.kinds)
    fresh: dict[int, int] = {}
    copies = []
    for one in choice.again:
        fresh[one.out] = len(kinds)
        kinds.append(program.kinds[one.out])
        copies.append(_renamed(one, fresh)._replace(out=fresh[one.out]))
    now = {choice.variable: fresh[choice.variable]}
    later = [_renamed(one, now) for one in program.instructions[choice.needed :]]
    instructions = (*program.instructions[: choice.needed], *copies, *later)
    return replace(program, kinds=tuple(kinds), instructions=instructions)


def _renamed(one: Instruction, names: Mapping[int, int]) -> Instruction:
    def now(ref: Ref) -> Ref:
        return Ref(names.get(ref.id, ref.id))

    return one._replace(operands=replaced(one.operands, now), params=replaced(dict(one.params), now))


def _work(program: Program, one: Instruction) -> float:
    """Operations of an instruction, roughly: those of a product, and a few for each entry elsewhere."""
    shapes: Sequence[tuple[int, ...]] = [program.kinds[i].shape for i in one.reads]
    if one.op == "matmul":
        return 2.0 * prod(program.kinds[one.out].shape) * shapes[0][-1] / 8  # a product's are cheap
    entries = max([prod(program.kinds[one.out].shape), *map(prod, shapes)])
    return 1.0 if one.op in VIEWS else 4.0 * entries
