"""Directions of a case's primals, which forward modes and higher orders differentiate along."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradproof.oracles import company
from gradproof.oracles.graph import Array, Case

Directions = Sequence[Sequence[Array]]
SYMMETRIC = frozenset({"linalg.cholesky"})  # frameworks differ in what the forward derivative is along others
ENDS = frozenset({-1.0, 0.0, 1.0})
TANGENTS = "tangents"  # the key of a case's note that holds the directions


def directions(case: Case, count: int) -> list[list[Array]]:
    """``count`` directions of the primals: those saved with the case, or drawn from its content, signed, never constant."""
    values = case.graph.primal_values
    kept = case.note.get(TANGENTS)
    if isinstance(kept, Sequence) and len(kept) >= count and all(_fits(one, values) for one in kept):
        return [[_array(flat, x) for flat, x in zip(one, values, strict=True)] for one in kept[:count]]
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in (*values, *case.cotangents)))
    rnd = random.Random(digest.hexdigest())
    held = {node.operands[0] for node in case.graph.nodes if node.op in SYMMETRIC}
    if held and max(held) >= len(case.graph.leaves):  # computed from other matrices: sums and products keep symmetry
        square = (p for p, v in zip(case.graph.primals, values, strict=True) if v.ndim > 1 and v.shape[-1] == v.shape[-2])
        held.update(square)
    drawn = [[_drawn(rnd, x) for x in values] for _ in range(count)]
    return [
        [_symmetric(v) if p in held else v for p, v in zip(case.graph.primals, one, strict=True)] for one in drawn
    ]


def _symmetric(v: Array) -> Array:
    return np.tril(v) + np.swapaxes(np.tril(v, -1), -1, -2)


def _fits(kept: Any, values: Sequence[Array]) -> bool:
    return len(kept) == len(values) and all(len(flat) == x.size for flat, x in zip(kept, values, strict=True))


def _array(flat: Sequence[str], like: Array) -> Array:
    return np.array([float.fromhex(v) for v in flat]).astype(like.dtype).reshape(like.shape)


def _drawn(rnd: random.Random, like: Array) -> Array:
    """Random; of ones of either sign; with zeros; over eight decades; or zero where the operand is an end of many a domain."""
    kind = rnd.randrange(8)
    if kind == 0:
        numbers = [rnd.choice((-1.0, 1.0)) for _ in range(like.size)]
    elif kind == 1:
        numbers = [rnd.gauss(0, 1) if rnd.random() < 0.5 else 0.0 for _ in range(like.size)]
    elif kind == 2:
        numbers = [rnd.choice((-1.0, 1.0)) * 10.0 ** rnd.uniform(-4, 4) for _ in range(like.size)]
    elif kind == 3:  # slopes may be infinite there, and zero times that is zero
        numbers = [0.0 if x in ENDS else rnd.gauss(0, 1) for x in like.ravel()]
    else:
        numbers = [rnd.gauss(0, 1) for _ in range(like.size)]
    return np.array(numbers).astype(like.dtype).reshape(like.shape)


def with_directions(case: Case, count: int) -> Case:
    """The case with its directions, and what its company is drawn from, in its note: so it replays with them."""
    note = {**case.note, TANGENTS: saved(directions(case, count)), company.COMPANY: company.seed_of(case)}
    return replace(case, note=note)


def saved(along: Directions) -> list[list[list[str]]]:
    """Directions as a case's note holds them."""
    return [[[float(v).hex() for v in x.ravel()] for x in one] for one in along]
