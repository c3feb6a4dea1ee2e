"""Claims 5, 6 and 17: what a gradient costs, from counted work on the native engine, and what that makes of 70 billion parameters."""



from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.specs import footprint
from gradproof.specs.bench import rounds, workloads
from gradproof.specs.claim import Claim, decided
from gradproof.specs.cost import DOCUMENT, line, median_interval
from gradproof.specs.cost_shape import SIZES, Modes, jacobians
from gradproof.specs.counting import Work, counts

# ---- claim 5

MODELS = ("mlp", "transformer", "conv net", "chain", "lstm")
PARAMETERS = (10**3, 10**4, 10**5, 10**6)
FLAT_MAX = 1.2  # the largest counted ratio of the sweep over the smallest
ROUNDS = 7


def model_work(make: workloads.Make, size: int) -> tuple[Work, Work]:
    """Counted forward and backward work of a workload in the native engine."""
    f, inputs = make(ge, np.asarray, size)
    return counts(f, *inputs).work


def ratios(work: tuple[Work, Work]) -> tuple[float, float]:
    """Both readings, in flops: backward/forward, and (forward + backward)/forward."""
    forward, backward = work
    return backward.flops / forward.flops, (forward.flops + backward.flops) / forward.flops


def once() -> Claim:
    """Claim 5 as counted now, with a small measured run beside it, which decides nothing."""
    how = (
        f"native engine, flops counted (an exp or the like is 10): {', '.join(MODELS)}, and an MLP of 10³ to 10⁶ parameters, at batch 8 and 128; "
        f"backward/forward at most {DOCUMENT.factor:g}. Measured times are shown, and judged by gradproof bench"
    )
    by_name = {w.name: w for w in workloads.WORKLOADS}
    faults, told, both = [], [], []
    for name in MODELS:
        back, full = ratios(model_work(by_name[name].make, by_name[name].quick))
        told.append(f"{name} {back:.2f}")
        both.append(full)
        if back > DOCUMENT.factor:
            faults.append(f"{name}: {back:.2f} times the forward pass backward, by flops")
    spreads = []
    for batch in (8, 128):
        found = [ratios(model_work(partial(workloads.mlp, batch=batch), n))[0] for n in PARAMETERS]
        spreads.append(f"{min(found):.2f} to {max(found):.2f} at batch {batch}")
        if max(found) > FLAT_MAX * min(found):
            faults.append(f"from 10³ to 10⁶ parameters at batch {batch}: backward/forward from {min(found):.2f} to {max(found):.2f}")
    timed = rounds.here("native", by_name["mlp"])
    for _ in range(ROUNDS):
        rounds.one_round(timed)
    measured = median_interval([s.backward / s.forward for s in timed.samples])
    full_time = rounds.full_over_forward(timed)
    figure = (
        f"backward/forward: {', '.join(told)}; the sweep {', '.join(spreads)}. (forward + backward)/forward: {min(both):.2f} to {max(both):.2f}. "
        f"Measured on this machine, the mlp: {measured} and {full_time} with recording ({rounds.judged(timed, by_name['mlp']).outcome})"
    )
    return decided(5, how, figure, faults)


# ---- claim 6

FIXED = 8


def slopes() -> tuple[list[Modes], list[Modes]]:
    """The same graphs with more and more inputs, and with more and more outputs."""
    return [jacobians(n, FIXED) for n in SIZES], [jacobians(FIXED, n) for n in SIZES]


def modes() -> Claim:
    """Claim 6 as counted now."""
    how = (
        f"native engine, tanh(x A) B with {SIZES[0]} to {SIZES[-1]} inputs and {FIXED} outputs, and the other way round: the whole Jacobian by one "
        "direction an input and by one sweep an output, equal to 12 digits; array operations counted, so a linear cost lies on a line exactly"
    )
    by_inputs, by_outputs = slopes()
    faults = []
    lines = {}
    for name, found in (("inputs", by_inputs), ("outputs", by_outputs)):
        for mode in ("forward", "reverse"):
            lines[mode, name] = made = line(SIZES, [getattr(m, mode).operations for m in found])
            if made.off:
                faults.append(f"{mode} mode against {name}: off a line by {made.off:g} operations")
    for mode, name in (("forward", "inputs"), ("reverse", "outputs")):
        if lines[mode, name].slope <= 0:
            faults.append(f"{mode} mode does not grow with {name}")
    for mode, name in (("forward", "outputs"), ("reverse", "inputs")):
        if lines[mode, name].slope:
            faults.append(f"{mode} mode grows by {lines[mode, name].slope:g} operations with {name}")
    forward, reverse = lines["forward", "inputs"], lines["reverse", "outputs"]
    figure = (
        f"forward mode {forward.offset:g} + {forward.slope:g} operations an input, none an output; reverse mode {reverse.offset:g} + "
        f"{reverse.slope:g} an output, none an input; one evaluation takes {by_inputs[0].evaluation.operations}"
    )
    return decided(6, how, figure, faults)


# ---- claim 17

LAYERS, HIDDEN, HEADS, KEY_HEADS, INNER, WORDS = 80, 8192, 64, 8, 28672, 32000
"""Llama 2 70B. Source: Touvron and others, Llama 2, 2023, and its published configuration."""
BILLIONS = 70e9
BYTES_STATE = 16
"""Bytes a parameter: 2 + 2 of weight and gradient in half precision, 12 of Adam's in float32. Source: Rajbhandari and others, ZeRO, 2020, section 3.1."""
DEVICE = 80e9  # bytes of one accelerator of today
SEQUENCE, HALF = 4096, 2


def parameters() -> int:
    """Numbers in its weights, from its shapes."""
    head = HIDDEN // HEADS
    attention = 2 * HIDDEN**2 + 2 * HIDDEN * KEY_HEADS * head
    return LAYERS * (attention + 3 * HIDDEN * INNER + 2 * HIDDEN) + 2 * WORDS * HIDDEN + HIDDEN


def feasible() -> Claim:
    """Claim 17 from the slopes of claim 6, the fit of claim 7, and the byte formula of ZeRO."""
    how = (
        "operations a direction and a sweep from claim 6, times 70 billion directions or one sweep; bytes of activations from the fit of claim 7 for 80 "
        "layers of width 8,192 with 64 heads (Llama 2 70B), attention saved and recomputed; 16 bytes a parameter and their sharding by formula "
        "(ZeRO, section 3.1). That each rank holds its share is for claim 10 to measure, on a small model in two processes; the 16 bytes are not"
    )
    by_inputs, by_outputs = slopes()
    forward = line(SIZES, [m.forward.operations for m in by_inputs])
    reverse = line(SIZES, [m.reverse.operations for m in by_outputs])
    evaluation = by_inputs[0].evaluation.operations
    n = parameters()
    directions, sweep = BILLIONS * forward.slope / evaluation, (reverse.offset + reverse.slope) / evaluation
    faults = []
    if forward.off or reverse.off:
        faults.append("the costs of claim 6 are not linear, so they say nothing of 70 billion")
    if not 0.97 < n / BILLIONS < 1.03:
        faults.append(f"the shapes have {n:,} parameters, not 70 billion")
    size: Any = footprint.Size(LAYERS, 1, SEQUENCE, HIDDEN, HEADS)
    kept, again = (HALF * footprint.fit(recompute).numbers(size) for recompute in (False, True))
    state = BYTES_STATE * BILLIONS
    if sweep > 2 + 2 * DOCUMENT.factor:
        faults.append(f"one gradient by reverse mode takes {sweep:.2f} evaluations")
    more = directions / sweep
    figure = (
        f"one gradient: reverse mode {sweep:.1f} evaluations, forward mode {directions:.1e}, {more:.0e} times as many; state {state / 1e9:,.0f} GB, on {int(-(-state // DEVICE))} devices of "
        f"80 GB or more, {state / 64e9:.1f} GB each on 64 (by formula); activations of one sequence of {SEQUENCE:,} in half precision {kept / 1e9:,.0f} GB, {again / 1e9:,.0f} GB with "
        f"attention recomputed; {n / 1e9:.1f} billion parameters by shape"
    )
    return decided(17, how, figure, faults)
