"""Claims 11 to 13: gradients that vanish, explode or are no numbers, what defends, and what detects it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradproof.specs import depth, poison
from gradproof.specs.claim import Claim, decided

NEAR = 0.05  # of a fitted rate to the one that the forward values predict: nets of width 128 at random
HE = 2**0.5


def vanishing() -> Claim:
    """Claim 11 as measured now."""
    plain = {d: depth.feed_forward("sigmoid", d) for d in depth.DEPTHS}
    deepest = depth.DEPTHS[-1]
    saturated = depth.feed_forward("sigmoid", deepest, gain=4.0)
    tanh = depth.feed_forward("tanh", deepest)
    relu = {d: depth.feed_forward("relu", d, gain=HE) for d in depth.DEPTHS}
    residual = {d: depth.feed_forward("sigmoid", d, residual=True) for d in depth.DEPTHS}
    predicted = [*plain.values(), *relu.values(), saturated, tanh]
    off = max(abs(fall.flow.rate / fall.predicted - 1) for fall in predicted)
    faults = [f"sigmoid, depth {d}: {f.flow.verdict}" for d, f in [*plain.items(), (deepest, saturated)] if f.flow.verdict != "vanishing"]
    faults += [f"ReLU, depth {d}: {f.flow.verdict}" for d, f in relu.items() if f.flow.verdict != "steady"]
    faults += [f"residual, depth {d}: {f.flow.verdict}" for d, f in residual.items() if f.flow.verdict != "steady"]
    faults += [f"a fitted rate is {off:.1%} off the one the forward values predict"] if off > NEAR else []
    how = (
        f"nets of width {depth.WIDTH}, {min(depth.DEPTHS)} to {deepest} layers; the norm of the cotangent at every layer, collected by hooks, "
        "its factor a layer fitted, and compared with what the forward values alone predict (n var(W) mean f'(z)², square root)"
    )
    figure = (
        f"a layer on the way back multiplies by {plain[deepest].flow.rate:.3f} (sigmoid, Glorot's weights: {plain[deepest].flow.total:.0e} over {deepest} "
        f"layers), {saturated.flow.rate:.3f} (weights four times as large), {tanh.flow.rate:.3f} (tanh, which so hardly vanishes); with the "
        f"fix by {relu[deepest].flow.rate:.3f} (ReLU, He's weights), {residual[deepest].flow.rate:.4f} (the first net with residual connections, its "
        f"branches divided by the root of the depth); predictions off by {off:.1%} at most"
    )
    return decided(11, how, figure, faults)


def exploding() -> Claim:
    """Claim 12 as measured now."""
    gains = (0.8, 1.0, 1.5)
    linear = {g: depth.recurrent("linear", g) for g in gains}
    tanh, relu = depth.recurrent("tanh", 2.0), depth.recurrent("relu", 2.0)
    deep = depth.feed_forward("tanh", depth.DEPTHS[-1], gain=3.0)
    blocks = {n: {d: depth.transformer(n, d) for d in depth.BLOCKS} for n in ("pre", "post")}
    runs = {kind: {clip: depth.trained(kind, clip) for clip in depth.CLIPS} for kind in depth.TRAINED}
    faults = [f"linear recurrence: rate {f.flow.rate!r}, its gain is {g}" for g, f in linear.items() if abs(f.flow.rate / g - 1) > 1e-9]
    exploded = {"recurrence of gain 1.5": linear[1.5], "tanh recurrence": tanh, "ReLU recurrence": relu, "deep tanh net": deep}
    faults += [f"{name}: {f.flow.verdict}" for name, f in exploded.items() if f.flow.verdict != "exploding"]
    if abs(deep.flow.rate / deep.predicted - 1) > NEAR:
        faults.append(f"deep tanh net: rate {deep.flow.rate:.3f}, predicted {deep.predicted:.3f}")
    for norm, falls in blocks.items():
        faults += [f"{norm}-norm transformer, {d} blocks: {f.flow.verdict}" for d, f in falls.items() if f.flow.verdict != "steady"]
    for kind, by_clip in runs.items():
        faults += [f"{kind} recurrence trains without clipping"] if by_clip["none"].kept <= 1 else []
        faults += [f"{kind} recurrence, clipped by {c}: loss times {r.kept:.3g}" for c, r in by_clip.items() if c != "none" and r.kept > 0.1]
    rng = np.random.default_rng(0)
    off = max(depth.off_by({"w": rng.normal(size=(9, 7)) * scale, "b": rng.normal(size=5)}, 1.0) for scale in (1e-3, 1.0, 1e6))
    faults += [f"clipping is off PyTorch's formula by {off:.3g} roundings of a sum"] if off > 1 else []
    how = (
        f"recurrent nets over {depth.STEPS} steps, a tanh net of {depth.DEPTHS[-1]} layers, pre- and post-norm transformers of {depth.BLOCKS} blocks: the "
        "factor a step or block on the way back, fitted; two exploding recurrent nets trained with no clipping, by value, by norm and by global "
        "norm (PyTorch's formulas; tests/engine/test_engine_clip.py compares with PyTorch itself)"
    )
    rates = {n: ", ".join(f"{f.flow.rate:.3f}" for f in falls.values()) for n, falls in blocks.items()}
    kept = "; ".join(
        f"{kind}: times {by['none'].kept:.3g} without, {', '.join(f'{r.kept:.2g} by {c}' for c, r in by.items() if c != 'none')}"
        for kind, by in runs.items()
    )
    figure = (
        f"a step back multiplies by {linear[1.5].flow.rate:.4f} (linear recurrence of gain 1.5, exactly its gain), {relu.flow.rate:.2f} (ReLU, gain 2), "
        f"{tanh.flow.rate:.2f} (tanh, gain 2: saturation holds it back), {deep.flow.rate:.3f} (deep tanh net, gain 3, predicted {deep.predicted:.3f}). "
        f"Transformers of {depth.BLOCKS} blocks do not explode when new: {rates['pre']} a block with pre-norm, {rates['post']} with post-norm. "
        f"Loss after 60 updates, {kept}"
    )
    return decided(12, how, figure, faults)


def nonfinite() -> Claim:
    """Claim 13 as measured now."""
    return nonfinite_claim([run for net in poison.NETS for run in poison.spoiled_runs(net)])


def nonfinite_claim(runs: Sequence[poison.Spoiled]) -> Claim:
    """Claim 13 as these spoiled runs show it."""
    faults = [f"{r.label} spoils {sorted(r.found - r.allowed)}, which it cannot reach" for r in runs if not r.found <= r.allowed]
    faults += [f"{r.label} is not named by detect_anomaly" for r in runs if not r.named]
    sure = [r for r in runs if r.net == "dense" and r.what == "nan"]  # no mask, nothing that saturates to a number
    faults += [f"{r.label} spoils {sorted(r.found)}, and reaches {sorted(r.allowed)}" for r in sure if r.found != r.allowed]
    faults += ["no run is spoiled whole"] if not any(r.whole for r in runs) else []
    whole, none = sum(r.whole for r in runs), sum(not r.found for r in runs)
    held = sum(r.found != r.allowed for r in runs)
    how = (
        f"three nets ({', '.join(poison.NETS)}) run once for every node with one entry of its value NaN or Inf, and for every pull of a rule with one "
        "entry of the cotangent so; gradients that came out not finite against those that the tape says it can reach (what reads the value, what keeps "
        "it for a rule, and all behind); each again within detect_anomaly, which must name phase, op, node, argument and source line"
    )
    figure = (
        f"'whole' is too strong: of {len(runs)} places {whole} spoil every parameter's gradient, {len(runs) - whole - none} a part (what is not behind the bad "
        f"cotangent stays right), {none} none (no rule reads the value, or a mask stops it). Never one out of reach; all in reach but in {held}, where ReLU, maximum or where "
        f"masked it or tanh of Inf is 1. The place was named in {sum(r.named for r in runs)} of {len(runs)}"
    )
    return decided(13, how, figure, faults)
