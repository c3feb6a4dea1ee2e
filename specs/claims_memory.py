"""Claims 7, 8 and 14: the memory of a backward pass, checkpoints that trade it for time, and graphs built eagerly or traced."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.engine.errors import NoGradient
from gradproof.engine.schedule import advances
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.engine import Engine
from gradproof.oracles.judge import judge
from gradproof.oracles.modes import judge_mode
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.trial import function, supports
from gradproof.oracles.verdict import Kind
from gradproof.specs import build, footprint
from gradproof.specs.claim import Claim, decided
from gradproof.specs.footprint import Size

# ---- claim 7

DEPTHS = (2, 4, 8, 16)


def memory() -> Claim:
    """Claim 7 as measured now."""
    kept, again = footprint.fit(recompute=False), footprint.fit(recompute=True)
    faults = [f"a count is {f.off} numbers off the formula" for f in (kept, again) if f.off]
    if again.c or kept.c != 1:
        faults.append(f"seq² terms: {kept.c} saved, {again.c} recomputed; expected 1 and 0")
    size = Size(layers=2, batch=1, hidden=128, heads=8)
    lengths = {name: f.crossing(size) for name, f in (("saved", kept), ("recomputed", again))}
    for name, seq in lengths.items():
        below, above = (footprint.saved(replace(size, seq=s), name == "recomputed") for s in (seq - 1, seq))
        if not below <= size.parameters < above:
            faults.append(f"{name}: {below} and {above} numbers at lengths {seq - 1} and {seq} do not enclose {size.parameters}")
    peaks = {depth: footprint.peak_without_tape(Size(layers=depth)) for depth in DEPTHS}
    with_tape = {depth: footprint.saved(Size(layers=depth)) * footprint.BYTES for depth in DEPTHS}
    if max(peaks.values()) > 1.05 * min(peaks.values()):
        faults.append(f"the peak without a tape grows with depth: {peaks}")
    if any(with_tape[depth] * DEPTHS[0] != with_tape[DEPTHS[0]] * depth for depth in DEPTHS):
        faults.append(f"saved bytes are not proportional to depth: {with_tape}")
    how = (
        f"a pre-norm transformer of the native engine, float64; every number kept between forward and backward counted by buffer at "
        f"{len(footprint.SIZES)} sizes (layers, batch, seq, hidden, heads) and fitted; the crossing measured on both sides; the peak of an evaluation "
        "under no_grad by tracemalloc"
    )
    figure = (
        f"numbers saved = layers·({kept.a:g}·batch·seq·hidden + {kept.b:g}·batch·seq + {kept.c:g}·batch·heads·seq²), nothing left over; with attention "
        f"recomputed the last term is {again.c:g}. Batch {size.batch}, hidden {size.hidden}, {size.heads} heads: more than the {size.parameters:,} parameters "
        f"from seq {lengths['saved']} on (recomputed: {lengths['recomputed']}). Without a tape {min(peaks.values()):,} to {max(peaks.values()):,} bytes "
        f"at {DEPTHS[0]} to {DEPTHS[-1]} layers; with one {with_tape[DEPTHS[0]]:,} to {with_tape[DEPTHS[-1]]:,}"
    )
    return decided(7, how, figure, faults)


# ---- claim 8

SQUARES = (4, 9, 16)
SLOTS = (2, 4, 8)
SPREAD = 1.05  # of peak / √layers


def checkpointing() -> Claim:
    """Claim 8 as measured now."""
    faults: list[str] = []
    shape = Size(batch=4, seq=32, hidden=16)
    scaled, plain = {}, {}
    for layers in SQUARES:
        size = replace(shape, layers=layers)
        gradients = size.parameters * footprint.BYTES  # which both end up with
        straight = footprint.trained(size, footprint.straight)
        parts = footprint.trained(size, footprint.in_parts(round(layers**0.5)))
        scaled[layers], plain[layers] = (parts.peak - gradients) / layers**0.5, straight.peak - gradients
        if parts.gradients != straight.gradients:
            faults.append(f"{layers} blocks: gradients differ")
        if (straight.runs, parts.runs) != (layers, 2 * layers):
            faults.append(f"{layers} blocks: {parts.runs} runs of a block, expected {2 * layers}")
    if max(scaled.values()) > SPREAD * min(scaled.values()):
        faults.append(f"the peak over √layers is not constant: {scaled}")
    size = replace(shape, layers=16)
    straight = footprint.trained(size, footprint.straight)
    runs = {}
    for slots in SLOTS:
        chain = footprint.trained(size, partial(ge.checkpoint_chain, slots=slots))
        runs[slots] = chain.runs
        if chain.gradients != straight.gradients or chain.runs != size.layers + advances(size.layers, slots):
            faults.append(f"{slots} states kept: {chain.runs} runs, expected {size.layers + advances(size.layers, slots)}, or other gradients")
    told = _budgets(size, straight, faults)
    how = (
        "the same transformer, float64; gradients compared bit for bit, runs of a block counted, the peak of forward and backward by tracemalloc "
        "less the parameters' gradients: a checkpoint for every √layers blocks; binomial schedules against Griewank and Walther's closed formula; "
        "schedules planned for a budget of bytes"
    )
    figure = (
        f"gradients equal bit for bit; 16 blocks with {', '.join(f'{s} states kept: {r} runs' for s, r in runs.items())}, the optimum; within {told}. "
        f"Measured on this machine, {SQUARES[0]} to {SQUARES[-1]} blocks: {min(scaled.values()):,.0f} to {max(scaled.values()):,.0f} bytes a √layer with one more "
        f"forward pass (without checkpoints {plain[SQUARES[0]]:,} to {plain[SQUARES[-1]]:,} in all)"
    )
    return decided(8, how, figure, faults)


def _budgets(size: Size, straight: footprint.Training, faults: list[str]) -> str:
    """Plans within a quarter, a half and all of what the whole pass keeps, and what each costs."""
    whole = footprint.saved(size) * footprint.BYTES
    work = footprint.trained(replace(size, layers=1), footprint.straight).peak  # what one block works with, whatever is kept
    told = []
    for share in (0.15, 0.25, 0.5, 1.25):
        budget = int(whole * share)
        run = footprint.trained(size, partial(ge.checkpoint_within, budget=budget))
        peak = run.peak - size.parameters * footprint.BYTES
        if run.gradients != straight.gradients or peak > budget + work:
            faults.append(f"a budget of {budget} bytes: a peak of {peak}, or other gradients")
        told.append((f"{share:.0%}", run.runs - size.layers))
    if told[-1][1] != size.layers:
        faults.append(f"with room for all, {told[-1][1]} runs of {size.layers} blocks")
    return ", ".join(f"{share} of the bytes {runs} runs" for share, runs in told)


# ---- claim 14

GRAPHS = 120
JUDGED = 12


def traced() -> Claim:
    """Claim 14 as measured now."""
    engine = by_name("native")
    ops = tuple(o for o in CATALOGUE if supports(engine, o))
    rnd = random.Random(14)
    faults: list[str] = []
    compared = instructions = shorter = 0
    for i in range(GRAPHS):
        case = build.graph(rnd.randbytes(build.GRAPH_BYTES), ops, ("float64", "float32")[i % 2])
        pull = _pulled(engine, case)
        arrays = [*case.graph.primal_values, *case.cotangents]
        program = ge.trace(pull)
        long = ge.trace(pull, simplify=False)
        turned = [a.reshape(-1)[::-1].reshape(a.shape) for a in arrays]
        try:
            eager = pull(*arrays)
            program(*turned)  # traced where it is not compared
        except NoGradient:  # at equal singular values, say
            continue
        replayed = program(*arrays)
        compared += len(eager)
        instructions += len(long.program(*arrays).instructions)
        shorter += len(program.program(*arrays).instructions)
        if any(a.tobytes() != b.tobytes() for a, b in zip(_plain(eager), _plain(replayed), strict=True)):
            faults.append(f"graph {i} ({', '.join(case.graph.ops)}): replayed values differ from eager ones")
        if i < JUDGED and judge(case, engine).kind in (Kind.AGREE, Kind.SUBGRADIENT):
            found = judge_mode(case, engine, "compiled reverse")
            if found.kind not in (Kind.AGREE, Kind.SUBGRADIENT, Kind.ILL_CONDITIONED, Kind.RANGE):
                faults.append(f"graph {i}: the judge says {found.kind} of the traced gradient")
    how = (
        f"native engine, {GRAPHS} random graphs in float64 and float32: value and gradient computed eagerly, and by a program traced at other values "
        f"and replayed, compared bit for bit; the first {JUDGED} traced gradients judged as well"
    )
    figure = (
        f"{compared} values and gradients equal bit for bit; programs of {instructions} instructions as recorded, {shorter} after constants, common "
        "subexpressions and dead code"
    )
    return decided(14, how, figure, faults)


def _pulled(engine: Engine, case: Any) -> Any:
    """The values and gradients of a case as one function of its primals and cotangents."""
    fn, count = function(engine, case.graph), len(case.graph.primals)

    def pull(*arrays: Any) -> tuple[Any, ...]:
        out, back = engine.vjp(fn, arrays[:count])
        return (*out, *back(tuple(arrays[count:])))

    return pull


def _plain(values: Any) -> list[Any]:
    return [np.asarray(v.data if isinstance(v, ge.Array) else v) for v in values]
