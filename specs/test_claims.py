"""The claims of the source document as executable specs: one test a row, its docstring the claim.

A row whose machinery does not exist yet passes only by saying so, word for word: it is counted as open, never as shown.
"""

# ruff: noqa: RUF001, RUF002 (Greek letters, primes and minus signs, as printed)

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from gradproof.oracles.registry import engine as by_name
from gradproof.specs import (
    claims,
    claims_cost,
    claims_engines,
    claims_sharded,
    depth,
    digits,
    footprint,
    halves,
    poison,
    training,
    trap,
    walk,
    worked,
)
from gradproof.specs.bench import workloads
from gradproof.specs.exactly import ends, rounded


def shown(number: int) -> claims.Claim:
    """A row that must be shown."""
    row = claims.claim(number)
    assert row.verdict == "AGREE", row.figure
    return row


def not_yet_shown(number: int) -> None:
    """A row that must say that it is open, and what it needs."""
    row = claims.claim(number)
    assert (row.verdict, row.figure, row.digits, row.svg) == ("NOT YET SHOWN", "", (), "")
    assert row.how.startswith("needs ")


def fractions(exact: Any) -> Any:
    """Exact rationals, one or nested lists of them, as fractions."""
    if isinstance(exact, np.ndarray):
        return fractions(exact.tolist())
    if isinstance(exact, list):
        return [fractions(item) for item in exact]
    low, high = ends(exact)
    assert low == high
    return low


def decimals(text: str) -> list[Fraction]:
    """Decimals as the fractions they are."""
    return [Fraction(word) for word in text.split()]


def test_claim_1() -> None:
    """Sigma neuron: x = 1.20, w = 0.70, z = w·x + b, a = σ(z), L = ½(a − y)²: every printed value and gradient"""
    row = shown(1)
    value, slope = worked.sigma_neuron().exactly()
    of_a = worked.sigma_neuron().exactly("a")[1]
    nine = {
        "0.840000000": value["z"],
        "0.698465216": value["a"],
        "0.210611558": of_a["z"],
        "0.048050000": value["L"],
        "0.310000000": slope["a"],
        "0.065289583": slope["z"],
        "0.045702708": slope["x"],
        "0.078347500": slope["w"],
        "1.000000000": slope["L"],
    }
    for text, exact in nine.items():
        assert str(rounded(exact.item(), 9)) == text
    assert slope["b"].item().overlaps(slope["z"].item())
    for ball, exactly in ((value["a−y"], Fraction(31, 100)), (value["L"], Fraction(31, 100) ** 2 / 2)):
        low, high = ends(ball.item())
        assert low <= exactly <= high
        assert high - low < Fraction(1, 2**100)
    corrected = {d.name: (d.printed, d.rounded) for d in row.digits if d.verdict == "corrected"}
    assert corrected == {"a": ("0.69", "0.70"), "∂L/∂x": ("0.045", "0.046")}
    assert all(d.note == "cut off, not rounded" for d in row.digits if d.name in corrected)


def test_claim_2() -> None:
    """2-3-1 ReLU net with squared error: every printed value and gradient, with a hidden unit exactly on the kink"""
    row = shown(2)
    value, slope = worked.net().exactly()
    assert fractions(value["z"]) == fractions(value["h"]) == decimals("0 1.6 0.8")
    assert fractions(value["ŷ"]) == Fraction("-0.14")
    assert fractions(value["L"]) == Fraction("0.6498")
    assert fractions(slope["W₂"]) == decimals("0 -1.824 -0.912")
    assert fractions(slope["b₂"]) == fractions(slope["ŷ"]) == Fraction("-1.14")
    assert fractions(slope["h"]) == decimals("-0.342 0.570 -0.798")
    assert fractions(slope["W₁"]) == [decimals("0 0"), decimals("0.57 1.14"), decimals("-0.798 -1.596")]
    assert fractions(slope["b₁"]) == fractions(slope["z"]) == decimals("0 0.57 -0.798")
    assert fractions(slope["x"]) == decimals("0.4332 -0.0228")
    assert {d.verdict for d in row.digits} == {"ticked"}


def test_claim_2_trap() -> None:
    """The unit at the kink, found dead or alive, product or bias first: SUBGRADIENT; never WRONG, never silently AGREE"""
    answers = trap.answers(by_name("native"))
    assert len(answers) == 12
    assert {a.label: a.verdict.kind.value for a in answers} == {a.label: "SUBGRADIENT" for a in answers}


def test_claim_3() -> None:
    """Lin-ReLU-Lin chain with (y − t)²: every printed value and gradient"""
    row = shown(3)
    value, slope = worked.chain().exactly()
    wanted = {"y": -1, "w₂": -1, "b₂": -1, "a": -2, "z₁": -2, "w₁": -4}
    for name, exactly in wanted.items():
        assert fractions(slope[name]) == exactly
    assert fractions(value["L"]) == Fraction(1, 4)
    assert {d.verdict for d in row.digits} == {"ticked"}


def test_claim_4() -> None:
    """Forward records every operation in a DAG (the tape); backward walks it once in reverse, each op by its local rule"""
    shown(4)
    double = walk.double_walk()
    assert double.visits == sorted(double.ops, reverse=True)
    assert (len(double.visits), double.paths) == (walk.DOUBLINGS, 2**walk.DOUBLINGS)


def test_claim_5() -> None:
    """One reverse pass gives every parameter's gradient at 2 to 3 times the forward cost, whatever their number"""
    shown(5)
    mlp = next(w for w in workloads.WORKLOADS if w.name == "mlp")
    found = [claims_cost.ratios(claims_cost.model_work(mlp.make, 10**k)) for k in (3, 6)]
    assert all(1 < back <= 2 and abs(full - 1 - back) < 1e-12 for back, full in found)  # two products for one, the first layer one
    assert abs(found[0][0] - found[1][0]) < 0.05


def test_claim_6() -> None:
    """Forward mode scales with the number of inputs, reverse mode with the number of outputs"""
    shown(6)
    by_inputs, by_outputs = claims_cost.slopes()
    forward, reverse = [[getattr(m, mode).operations for m in by_inputs] for mode in ("forward", "reverse")]
    assert forward[-1] - forward[-2] == 2 * (forward[-2] - forward[-3]) > 0  # 8, 16, 32 inputs
    assert len(set(reverse)) == 1
    forward, reverse = [[getattr(m, mode).operations for m in by_outputs] for mode in ("forward", "reverse")]
    assert reverse[-1] - reverse[-2] == 2 * (reverse[-2] - reverse[-3]) > 0
    assert len(set(forward)) == 1


def test_claim_7() -> None:
    """Backward needs the cached activations: memory O(layers · batch · seq · hidden); inference frees layer by layer"""
    shown(7)
    kept, again = footprint.fit(recompute=False), footprint.fit(recompute=True)
    assert (kept.off, again.off, kept.c, again.c, kept.a) == (0, 0, 1, 0, again.a)
    size = footprint.Size(layers=2, batch=1, seq=11, hidden=24, heads=3)  # none of those fitted
    assert footprint.saved(size) == kept.numbers(size)
    assert footprint.saved(size, recompute=True) == again.numbers(size)


def test_claim_8() -> None:
    """Activation checkpointing trades compute for memory"""
    shown(8)


def test_claim_9() -> None:
    """Mixed precision: activations in float16 or bfloat16"""
    pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
    shown(9)
    low, raised = halves.mixed("float16", halves.WEIGHT), halves.mixed("float16", halves.WEIGHT, halves.too_large())
    assert low.lost > 2 * low.entries / 3  # nearly all, and the rest have hardly a digit
    assert low.units > 1 > raised.units
    assert (raised.lost, raised.scale.value * halves.WEIGHT < halves.LARGEST) == (0, True)


def test_claim_10() -> None:
    """ZeRO and FSDP shard activations and gradients across devices"""
    if claims_sharded.measured().verdict == "NOT YET SHOWN":  # no PyTorch, or no process group here
        not_yet_shown(10)
        return
    row = shown(10)
    assert "activations by neither" in row.figure  # the document says more than is so


def test_claim_11() -> None:
    """Gradients vanish through many saturating layers; residual connections and ReLU-family activations fix it"""
    shown(11)
    plain, relu, residual = (
        depth.feed_forward("sigmoid", 32), depth.feed_forward("relu", 32, gain=2**0.5), depth.feed_forward("sigmoid", 32, residual=True)
    )  # fmt: skip
    assert plain.flow.rate < 0.25  # no sigmoid's slope is steeper
    assert plain.flow.total < 1e-18
    assert 0.9 < relu.flow.rate < 1.1
    assert 0.99 < residual.flow.rate < 1.01


def test_claim_12() -> None:
    """Gradients explode in RNNs and deep nets; gradient clipping defends"""
    shown(12)
    assert depth.recurrent("linear", 1.5).flow.rate == pytest.approx(1.5, rel=1e-12)
    assert depth.trained("linear", "none").kept == math.inf
    assert depth.trained("linear", "global norm").kept < 0.01


def test_claim_13() -> None:
    """One inf or nan anywhere corrupts the whole gradient; frameworks have hooks that detect it"""
    shown(13)
    apart = list(poison.spoiled_runs("apart"))
    assert not any(r.whole for r in apart)  # two losses that share nothing
    assert all(r.found == r.allowed for r in apart)
    dense = [r for r in poison.spoiled_runs("dense") if r.what == "nan" and r.phase == "forward"]
    assert [r.op for r in dense if not r.found] == ["getitem", "mean", "multiply"]  # whose values no rule reads
    assert all(r.whole for r in dense if r.found)


def test_claim_14() -> None:
    """Frameworks differ in when the graph is built: eager or traced"""
    shown(14)


def test_claim_15() -> None:
    """PyTorch, JAX and TensorFlow all implement reverse mode"""
    if claims_engines.missing():
        not_yet_shown(15)
        return
    claims_engines.measured()
    shown(15)
    for name in claims_engines.FRAMEWORKS:
        assert claims_engines.calls(by_name(name), 40) == claims_engines.Calls(40, 1, 0, True)


def test_claim_16() -> None:
    """A training step is forward, backward, optimizer step, repeat"""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install 'gradproof[test]' for its digits")
    done, pairs = digits.training(), training.pairs()
    shown(16)
    assert [(p.net.name, p.faults) for p in pairs] == [("MLP", []), ("conv net", []), ("character transformer", [])]
    assert done.images == 1797
    assert done.accuracy >= 0.95
    assert [j.step for j in done.judged] == list(range(50, 601, 50))
    assert {j.verdict.kind.value for j in done.judged} <= {"AGREE", "SUBGRADIENT"}
    assert done.units <= 1.0


def test_claim_17() -> None:
    """That is why training a 70B model is feasible at all"""
    shown(17)
    assert claims_cost.parameters() == 68_976_648_192  # as counted in its published weights
    assert "the 16 bytes are not" in claims_cost.feasible().how


def test_every_claim_has_a_test_named_by_it() -> None:
    """Each row's test carries the claim as its docstring."""
    for number, claim in claims.CLAIMS.items():
        assert globals()[f"test_claim_{number}"].__doc__ == claim
