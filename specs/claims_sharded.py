"""Claim 10: one training step of a small model, sharded in five ways over two processes, and what each process then holds.

Sources: Rajbhandari et al. 2020 (ZeRO) 5.1 to 5.3; Zhao et al. 2023 (FSDP) 3.2 and 4.2; Korthikanti et al. 2022 (sequence parallelism) 4.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from importlib.util import find_spec

import numpy as np

from gradproof.oracles.ball import arb
from gradproof.oracles.certificate import Certificate, certify
from gradproof.oracles.graph import Array
from gradproof.specs.claim import Claim, decided, unshown
from gradproof.specs.sharded import (
    BATCH,
    BLOCKS,
    DTYPES,
    HIDDEN,
    KINDS,
    RANKS,
    SEQ,
    SHAPES,
    WIDE,
    Found,
    Held,
    NoGroup,
    arrays,
    case,
    found,
)

ALONE = "one device"
SEQUENCE = "sequence"

HALF, WHOLE = Fraction(1, RANKS), Fraction(1)
# Of the bytes that one device holds, what each of two is to hold: parameters, those held between forward and backward, gradients,
# optimiser state, activations. ZeRO-2 gathers the parameters once and keeps them beside its part.
SHARES = {
    ALONE: (WHOLE, WHOLE, WHOLE, WHOLE, WHOLE),
    "DDP": (WHOLE, WHOLE, WHOLE, WHOLE, HALF),
    "ZeRO-1": (WHOLE, WHOLE, WHOLE, HALF, HALF),
    "ZeRO-2": (HALF, WHOLE + HALF, HALF, HALF, HALF),
    "ZeRO-3": (HALF, HALF, HALF, HALF, HALF),
}
GATHERS = {"ZeRO-2": 1, "ZeRO-3": 2}  # of each block's parameters in a step; its gradient is reduced and scattered once

HOW = (
    f"one step of Adam on {BLOCKS} blocks (layer norm, two products, tanh) by PyTorch in {RANKS} processes over gloo, {' and '.join(DTYPES)}: DDP, ZeRO-1 "
    "(ZeroRedundancyOptimizer), ZeRO-2 (fully_shard without resharding), ZeRO-3, which is FSDP (fully_shard), and sequence parallelism; each rank's storages counted, "
    "activations as autograd saves them; gradients put together from the ranks' parts and compared with certified balls of the whole batch. Not measured: ZeRO-R, which divides "
    "checkpointed activations among ranks that are model parallel already"
)


def whole(ranks: Sequence[Held], name: str) -> Array | None:
    """A gradient put together from the parts of the ranks; None if they do not fit, or copies of it differ."""
    if any(name not in held.parts for held in ranks):
        return None
    parts = [held.parts[name] for held in ranks]
    placed = {held.placed[name] for held in ranks}
    if len(placed) != 1:
        return None
    (how,) = placed
    if how == "whole":
        return parts[0] if all(np.array_equal(part, parts[0]) for part in parts) else None
    if how == "sum":
        return np.asarray(sum(parts[1:], parts[0]))
    try:
        return np.concatenate(parts, axis=int(how))
    except ValueError:
        return None


def error(ranks: Sequence[Held], certificate: Certificate) -> tuple[float, str]:
    """The largest error of any entry of any gradient in units of its derived bound, and the name of the weight."""
    at, worst = 0, (0.0, "")
    for name, given in arrays(certificate.case.graph.dtype.name).items():
        if name in ("x", "y"):
            continue
        g = whole(ranks, name)
        if g is None or g.shape != given.shape or g.dtype != given.dtype:
            return math.inf, name
        for value in g.ravel().tolist():
            off, bound = float(abs(arb(value) - certificate.gradient[at]).upper()), certificate.bound[at]
            units = off / bound if bound else off and math.inf
            worst = max(worst, (math.inf if math.isnan(units) else units, name))
            at += 1
    return worst


def apart(measured: Found, dtype: str) -> float:
    """How far any way's gradient is from that of one device, as a share of the largest entry of its weight's gradient."""
    worst = 0.0
    for way in (*SHARES, SEQUENCE):
        for name in measured[dtype, way][0].parts:
            one, other = whole(measured[dtype, ALONE], name), whole(measured[dtype, way], name)
            if one is None or other is None:
                return math.inf
            worst = max(worst, float(np.max(np.abs(other - one)) / np.max(np.abs(one))))
    return worst


def _sizes(way: str, dtype: str) -> dict[str, int]:
    """The bytes that a rank is to hold, from those of the model."""
    item = np.dtype(dtype).itemsize
    weights = BLOCKS * sum(int(np.prod(shape)) for shape in SHAPES.values()) * item
    # of each block its input, mean and deviation, normed, and tanh; then the difference from y
    kept = BATCH * SEQ * (BLOCKS * (2 * HIDDEN + 2 + WIDE) + HIDDEN) * item
    one = dict(zip(KINDS, (weights, weights, weights, 2 * weights, kept), strict=True))
    if way != SEQUENCE:
        return {kind: int(share * one[kind]) for kind, share in zip(KINDS, SHARES[way], strict=True)}
    copied = BLOCKS * 3 * HIDDEN * item  # norm.weight, norm.bias, down.bias: at every rank
    gathered = BLOCKS * BATCH * SEQ * HIDDEN * item  # what a block's first product reads: all places, at every rank
    part = (weights + copied) // RANKS
    return dict(zip(KINDS, (part, part, part, 2 * part, (kept + gathered) // RANKS), strict=True))


def faults(measured: Found, certificates: dict[str, Certificate]) -> Iterator[str]:
    """What contradicts the claim, or is not held as its way says, in words."""
    for dtype, certificate in certificates.items():
        for way in (*SHARES, SEQUENCE):
            ranks = measured.get((dtype, way), [])
            if len(ranks) != RANKS:
                yield f"{way} in {dtype}: {len(ranks)} of {RANKS} ranks reported"
                continue
            units, name = error(ranks, certificate)
            if not units <= 1:  # what is derived, without the slack that the judge gives other engines
                yield f"{way} in {dtype}: the gradient of {name}, put together from its parts, is {units:.3g} bounds off"
            for rank, held in enumerate(ranks):
                for kind, wanted in _sizes(way, dtype).items():
                    # ZeRO-1 gives each rank whole weights, so its parts of the state need not be equal: they are added up below
                    if held.bytes[kind] != wanted and (way, kind) != ("ZeRO-1", "optimiser state"):
                        yield f"{way} in {dtype}: rank {rank} holds {held.bytes[kind]:,} bytes of {kind}, not {wanted:,}"
                seen = [sum(n for op, n in held.collectives.items() if what in op) for what in ("gather", "reduce_scatter")]
                if way in GATHERS and seen != [GATHERS[way] * BLOCKS, BLOCKS]:
                    yield f"{way} in {dtype}: rank {rank} gathered and scattered {seen} times, not {[GATHERS[way] * BLOCKS, BLOCKS]}"
            if way == "ZeRO-1":
                states = [held.bytes["optimiser state"] for held in ranks]
                all_of_it = _sizes(ALONE, dtype)["optimiser state"]
                if sum(states) != all_of_it or max(states) >= all_of_it:
                    yield f"{way} in {dtype}: the ranks hold {states} bytes of optimiser state, of {all_of_it:,}"


_done: list[Claim] = []


def sharding() -> Claim:
    """Claim 10, if ``measured`` ran in this process: a run of the native engine alone must start no processes of PyTorch."""
    if find_spec("torch") is None:
        return unshown(10, "needs PyTorch with torch.distributed and its gloo group; not installed here: PyTorch")
    if not _done:
        return unshown(10, "needs two processes of PyTorch and half a minute: run pytest --pyargs gradproof.specs to show it")
    return _done[0]


def measured() -> Claim:
    """Claim 10 as measured now, and kept for ``sharding``; it stays open where PyTorch is missing."""
    if find_spec("torch") is None:
        return sharding()
    try:
        _done[:] = [told(found())]
    except NoGroup as why:
        _done[:] = [unshown(10, f"needs a process group of two processes: {why}")]
    except RuntimeError as why:
        _done[:] = [decided(10, HOW, "", [str(why)])]
    return _done[0]


def told(measured: Found) -> Claim:
    """Claim 10 as these reports show it."""
    certificates = {dtype: certify(case(dtype)) for dtype in DTYPES}
    wrong = list(faults(measured, certificates))
    return decided(10, HOW, "" if wrong else _figure(measured, certificates), wrong)


def _figure(measured: Found, certificates: dict[str, Certificate]) -> str:
    dtype = DTYPES[-1]
    rows = []
    for way in (*SHARES, SEQUENCE):
        b = measured[dtype, way][0].bytes
        rows.append(f"{way} {b['parameters']:,} ({b['parameters between']:,}), {b['gradients']:,}, {b['optimiser state']:,}, {b['activations']:,}")
    units = max(error(measured[d, way], c)[0] for d, c in certificates.items() for way in (*SHARES, SEQUENCE))
    return (
        "gradients are sharded by ZeRO-2 and ZeRO-3 (FSDP), and equal the unsharded; activations by neither: a rank keeps those of its part of the batch, as many as under DDP; "
        "sequence parallelism shards them, but for what it gathers for a product. ZeRO-1 shards the optimiser state, ZeRO-2 the gradients too, ZeRO-3 the parameters too. Bytes a rank in "
        f"{dtype} of parameters (between forward and backward), gradients, state, activations: {'; '.join(rows)}. "
        f"{GATHERS['ZeRO-3']} gathers a block in ZeRO-3, {GATHERS['ZeRO-2']} in ZeRO-2, one reduce-scatter in both; sharded and unsharded gradients at most "
        f"{apart(measured, 'float64'):.1e} of the largest apart in float64, {apart(measured, 'float32'):.1e} in float32; worst error {units:.2g} bounds"
    )
