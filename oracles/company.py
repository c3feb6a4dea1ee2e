"""The company that a case keeps where one call holds several examples (vmap), or one program several calls (compiled).

All of it follows from the content of the case: how many examples there are and which of them is the case, what the others are,
which operands are the same for all, and the axes that a batch lies along. The others have entries of the case in reverse order
(so that they lie in the domain), some scaled, and cotangents and directions of another size: no example is another's mirror
image. Each is a case of its own, and is judged as one.
"""

from __future__ import annotations

import hashlib
import inspect
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradproof.oracles.errors import Unsupported
from gradproof.oracles.graph import Array, Case

COMPANY = "company"  # the key of a case's note that holds what its company is drawn from
SIZES = (1, 2, 2, 3, 3)  # of a batch
SHARED, EMPTY = 0.3, 0.125  # how often an operand is the same for all, and a batch of no examples is asked for too

Operands = list[Array]
Run = Callable[..., Sequence[Any]]


@dataclass(frozen=True)
class Company:
    """What surrounds a case. Operands are its primals, its cotangents, and its directions one after the other.

    ``rows`` has the operands of every example, the case's own at ``place``; ``shared`` says which operands are the same for all,
    ``axes`` along which axis of each a batch lies, ``out`` along which axis of every result; ``empty`` whether a batch of no
    examples is asked for as well.
    """

    place: int
    rows: tuple[Operands, ...]
    shared: tuple[bool, ...]
    axes: tuple[int, ...]
    out: int
    empty: bool

    @property
    def size(self) -> int:
        """How many examples there are, the case among them."""
        return len(self.rows)

    @property
    def others(self) -> list[int]:
        """The places of the examples that are not the case."""
        return [i for i in range(self.size) if i != self.place]

    def tame(self, primals: int) -> Company:
        """The same where all examples have the case's primals."""
        own = self.rows[self.place]
        return replace(self, rows=tuple([*own[:primals], *row[primals:]] for row in self.rows))


def seed_of(case: Case) -> str:
    """What its company is drawn from: saved with the case, or its content."""
    saved = case.note.get(COMPANY)
    if isinstance(saved, str):
        return saved
    flat = (*case.graph.primal_values, *case.cotangents)
    return hashlib.sha256(b"company" + b"".join(np.ascontiguousarray(a).tobytes() for a in flat)).hexdigest()[:16]


def drawn(case: Case, operands: Operands, least: int = 1) -> Company:
    """The company of a case with these operands (one more direction changes nothing for the operands before it)."""
    seed = seed_of(case)
    rnd = random.Random(seed)
    size, primals = max(rnd.choice(SIZES), least), len(case.graph.primals)
    place, out, empty = rnd.randrange(size), rnd.choice((0, 0, -1)), rnd.random() < EMPTY
    shared, axes, columns = [], [], []
    for i, x in enumerate(operands):
        own = random.Random(f"{seed}/{i}")
        shared.append(own.random() < SHARED)
        axes.append(own.choice((0, 0, -1, own.randrange(x.ndim + 1))))
        made = [_other(own, x, i < primals) for _ in range(max(SIZES) - 1)][: size - 1]
        columns.append([x] * size if shared[i] else [*made[:place], x, *made[place:]])
    one = primals + rnd.randrange(len(case.cotangents))  # of which there is one at least
    if all(shared[: primals + len(case.cotangents)]):
        shared[one] = False
    return Company(place, tuple(list(row) for row in zip(*columns, strict=True)), tuple(shared), tuple(axes), out, empty)


def _other(rnd: random.Random, x: Array, primal: bool) -> Array:
    """Another operand of the kind: a point that lies in the domain, or beside it by bad luck; any cotangent or direction."""
    turned = x.reshape(-1)[::-1].reshape(x.shape) if rnd.random() < 0.75 else x
    factor = rnd.choice((1.0, 1.0, 0.75, 1.25)) if primal else rnd.choice((-0.5, -0.5, 2.0, -1.25))
    return np.array(turned if factor == 1.0 else np.asarray(turned * x.dtype.type(factor), dtype=x.dtype))


# ---- under vmap


def batched(engine: Any, quantity: Run, company: Company) -> tuple[list[Operands], str]:
    """What the engine's vmap of a quantity gives for each example; and what is wrong with the shape of a result, or nothing.

    What is shared is closed over. The axes are asked for where the engine's ``vmap`` has parameters for them.
    """
    fixed = [engine.from_numpy(np.array(x)) if s else None for x, s in zip(company.rows[0], company.shared, strict=True)]
    free = [i for i, s in enumerate(company.shared) if not s]
    offered = inspect.signature(engine.vmap).parameters
    axes = [company.axes[i] if "in_axes" in offered else 0 for i in free]
    out = company.out if "out_axes" in offered else 0
    chosen = {"in_axes": tuple(axes), "out_axes": out}

    def inner(*moving: Any) -> Any:
        given = iter(moving)
        return quantity(*(next(given) if f is None else f for f in fixed))

    run = engine.vmap(inner, **{name: value for name, value in chosen.items() if name in offered})

    def asked(rows: Sequence[Operands], like: Operands) -> list[Array]:
        stacks = [_stacked([row[i] for row in rows], like[i], axis) for i, axis in zip(free, axes, strict=True)]
        return [np.array(engine.to_numpy(a), copy=True) for a in run(*map(engine.from_numpy, stacks))]

    results = asked(company.rows, company.rows[0])
    broken = _unbatched(results, company.size, out)
    if broken:
        return [], broken
    rows = [[np.array(np.take(a, i, axis=out)) for a in results] for i in range(company.size)]
    return rows, _none(asked, company, rows[0], out) if company.empty else ""


def _stacked(parts: Sequence[Array], like: Array, axis: int) -> Array:
    if parts:
        return np.stack(parts, axis=axis)
    at = axis % (like.ndim + 1)
    return np.zeros((*like.shape[:at], 0, *like.shape[at:]), like.dtype)


def _unbatched(results: Sequence[Array], size: int, out: int) -> str:
    for i, a in enumerate(results):
        if not a.ndim or a.shape[out] != size:
            return f"result {i} of a batch of {size} is {a.dtype.name}{list(a.shape)}, without the batch along axis {out}"
    return ""


def _none(asked: Callable[..., list[Array]], company: Company, one: Operands, out: int) -> str:
    """What is wrong with the results for a batch of no examples, or nothing: an engine may decline it."""
    try:
        results = asked([], company.rows[0])
    except Unsupported:
        return ""
    if len(results) != len(one):
        return f"{len(results)} results for a batch of no examples, expected {len(one)}"
    for i, (a, like) in enumerate(zip(results, one, strict=True)):
        expected = np.stack([like], axis=out).shape
        expected = tuple(0 if k == out % len(expected) else n for k, n in enumerate(expected))
        if a.shape != expected:
            return f"result {i} of a batch of no examples is {a.dtype.name}{list(a.shape)}, expected {list(expected)}"
    return ""


# ---- compiled


def replayed(engine: Any, quantity: Run, company: Company) -> tuple[list[Operands], str]:
    """What one compiled program gives in calls one after another: all examples in turn, then one that is not the case once more.

    What is shared is closed over, so that the program may fold it. A result that changes when the program is called again
    is said.
    """
    fixed = [engine.from_numpy(np.array(x)) if s else None for x, s in zip(company.rows[0], company.shared, strict=True)]
    free = [i for i, s in enumerate(company.shared) if not s]

    def inner(*moving: Any) -> Any:
        given = iter(moving)
        return quantity(*(next(given) if f is None else f for f in fixed))

    run = engine.compile(inner)
    held, copies = [], []
    for row in (*company.rows, company.rows[company.others[0]]):
        results = list(run(*(engine.from_numpy(np.array(row[i])) for i in free)))
        held.append(results)
        copies.append([np.array(engine.to_numpy(a), copy=True) for a in results])
    for before, now in zip(copies, held, strict=True):
        if any(a.tobytes() != np.asarray(engine.to_numpy(b)).tobytes() for a, b in zip(before, now, strict=True)):
            return [], "a result changed when the compiled function was called again"
    rows = copies[: company.size]
    rows[company.others[0]] = copies[-1]  # the last use: that of a program used before
    return rows, ""
