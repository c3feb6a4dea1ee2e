"""The evidence of the claims can fail: each kind of fault, planted, is seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from gradproof.oracles.graph import Graph, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.registry import engine as by_name
from gradproof.specs import claims, digits, trap, walk, worked
from gradproof.specs.exactly import differentiate, ends, rational
from gradproof.specs.worked import Printed, digit


class Scaled:
    """The native engine with one gradient times a factor."""

    name = "scaled"

    def __init__(self, which: int, factor: float) -> None:
        native: Any = by_name("native")
        self.native, self.which, self.factor = native, which, factor
        self.lineage, self.namespace, self.capabilities = native.lineage, native.namespace, native.capabilities
        self.from_numpy, self.to_numpy = native.from_numpy, native.to_numpy

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Any]) -> tuple[tuple[Any, ...], Callable[..., Any]]:
        outputs, pull = self.native.vjp(fn, primals)

        def pullback(cotangents: tuple[Any, ...]) -> tuple[Any, ...]:
            found = list(map(np.asarray, pull(cotangents)))
            found[self.which] = np.asarray(found[self.which] * found[self.which].dtype.type(self.factor))
            return tuple(found)

        return outputs, pullback


@pytest.mark.parametrize(
    ("printed", "verdict", "wrong", "note"),
    [
        ("0.70", "ticked", False, ""),
        ("0.698", "ticked", False, ""),
        ("0.69", "corrected", False, "cut off, not rounded"),
        ("0.71", "corrected", True, "neither rounded nor cut off"),
        ("0.6984", "corrected", False, "cut off, not rounded"),
        ("0.6986", "corrected", True, "neither rounded nor cut off"),
    ],
)
def test_a_printed_digit_is_rounded_cut_off_or_wrong(printed: str, verdict: str, wrong: bool, note: str) -> None:
    found = digit(Printed("a", printed, "a"), rational(0.69847))
    assert (found.verdict, found.wrong, found.note) == (verdict, wrong, note)


def test_a_number_misprinted_makes_its_claim_wrong() -> None:
    example = worked.chain()
    misprinted = replace(example, printed=(*example.printed, Printed("∂L/∂x", "1.0", "x", of="L")))
    row = claims.worked_claim(3, misprinted, by_name("native"))
    assert row.verdict == "WRONG"
    assert row.figure == "∂L/∂x is printed 1.0, exactly −1"  # noqa: RUF001


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_wrong_gradient_makes_claim_1_wrong(which: int) -> None:
    row = claims.worked_claim(1, worked.sigma_neuron(), Scaled(which, 1 + 2.0**-20))
    assert row.verdict == "WRONG"
    assert row.figure.startswith("WRONG in float")


@pytest.mark.parametrize("dtype", trap.DTYPES)
@pytest.mark.parametrize("bias_first", [False, True])
@pytest.mark.parametrize(
    ("slope", "kind"), [(0.5, "SUBGRADIENT"), (1.0, "SUBGRADIENT"), (2.0, "WRONG"), (-0.25, "WRONG")]
)
def test_at_the_kink_slopes_from_0_to_1_are_accepted_and_no_others(
    dtype: str, bias_first: bool, slope: float, kind: str
) -> None:
    assert judge(trap.case(dtype, bias_first), trap.MaskedRelu((slope, 1.0, 1.0))).kind == kind


@pytest.mark.parametrize("dtype", trap.DTYPES)
@pytest.mark.parametrize("which", [0, 1, 2, 3, 4])
def test_the_kink_excuses_no_other_fault(dtype: str, which: int) -> None:
    assert judge(trap.case(dtype, False), Scaled(which, 1 + 2.0**-10)).kind == "WRONG"


def test_a_unit_off_the_kink_may_not_be_dead() -> None:
    assert judge(trap.case("float64", False), trap.MaskedRelu((0.0, 1.0, 0.0))).kind.fails


def leaky(graph: Graph, slope: float) -> Graph:
    """The net with the slope of its kink chosen: no other unit is at or below 0."""
    nodes = [
        replace(n, op="nn.leaky_relu", params={"negative_slope": slope}) if n.op == "nn.relu" else n
        for n in graph.nodes
    ]
    return replace(graph, nodes=tuple(nodes))


@pytest.mark.parametrize(
    ("slope", "b", "w", "x"),
    [(0.0, "0", "0 0", "0.4332 -0.0228"), (1.0, "-0.342", "-0.342 -0.684", "0.2622 0.0798")],
)
def test_dead_and_alive_gradients_of_the_trap_exactly(slope: float, b: str, w: str, x: str) -> None:
    graph = leaky(worked.net_graph(), slope)
    names = worked.net().names
    _, slopes = differentiate(graph, names.index("L"))

    def exact(name: str) -> list[Fraction]:
        return [ends(v)[0] for v in slopes[names.index(name)].flat]

    assert exact("b₁")[0] == Fraction(b)
    assert exact("W₁")[:2] == [Fraction(v) for v in w.split()]
    assert exact("x") == [Fraction(v) for v in x.split()]


def test_the_trap_is_where_floats_put_it() -> None:
    assert trap.computed_z("float64", False) == 2.0**-55
    assert trap.computed_z("float64", True) == 0.0
    assert trap.computed_z("float32", False) < 0
    assert trap.computed_z("float32", True) == 0.0
    exactly = {name: at_rounded_inputs(held) for name, held in HELD.items()}
    bfloat16 = exactly.pop("bfloat16")
    assert exactly == {"float64": Fraction(1, 2**55), "float32": Fraction(-3, 2**27), "float16": Fraction(-1, 2**13)}
    assert round(bfloat16, 5) == Fraction("-0.00146")


def bfloat16(x: float) -> float:
    """The nearest number of 8 significant bits."""
    bits = int(np.float32(x).view(np.uint32))
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return float(np.uint32(bits).view(np.float32))


HELD: dict[str, Callable[[float], Any]] = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "bfloat16": bfloat16,
}


def at_rounded_inputs(held: Callable[[float], Any]) -> Fraction:
    """z[0] exactly, at the inputs as a dtype holds them."""
    (w, u), (x, y), b = worked.NET["W₁"][0], worked.NET["x"], worked.NET["b₁"][0]
    w, u, x, y, b = (Fraction(float(held(number))) for number in (w, u, x, y, b))
    return w * x + u * y + b


WALK = walk.Walk({1: "exp", 2: "sin", 3: "add"}, {1: (), 2: (1,), 3: (1, 2)}, {1: (0,), 2: (0,), 3: (0, 1)}, ())


@pytest.mark.parametrize(
    ("pulls", "fault"),
    [
        ([(3, 0), (3, 1), (2, 0), (1, 0)], ""),
        ([(3, 0), (3, 1), (2, 0)], "3 pulls"),
        ([(3, 0), (3, 1), (2, 0), (1, 0), (1, 0)], "5 pulls"),
        ([(3, 0), (2, 0), (3, 1), (1, 0)], "visited twice"),
        ([(3, 0), (3, 1), (1, 0), (2, 0)], "node 1 (exp) is visited before node 2 (sin)"),
    ],
)
def test_a_walk_that_skips_repeats_or_runs_ahead_is_seen(pulls: list[tuple[int, int]], fault: str) -> None:
    found = replace(WALK, pulls=tuple(pulls)).fault
    assert fault in found
    assert bool(found) == bool(fault)


def test_a_tape_that_reads_what_is_made_later_is_no_dag() -> None:
    assert (
        "not a DAG" in replace(WALK, reads={1: (2,), 2: (1,), 3: (1, 2)}, pulls=((3, 0), (3, 1), (2, 0), (1, 0))).fault
    )


def test_an_op_missing_from_the_tape_is_seen() -> None:
    graph = worked.chain().graph
    assert claims.recorded(graph, walk.graph_walk(graph))
    longer = replace(graph, nodes=(*graph.nodes, Node("exp", (12,))), outputs=(13,))
    assert not claims.recorded(longer, walk.graph_walk(graph))


def test_evidence_that_raises_is_a_wrong_row_and_loses_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises() -> claims.Claim:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setitem(claims.EVIDENCE, 3, raises)
    assert (claims.claim(3).verdict, claims.claim(3).figure) == ("WRONG", "raised ZeroDivisionError('on purpose')")


def training(**changes: Any) -> digits.Training:
    """A finished run, made up."""
    return replace(digits.Training(1797, 600, 32, 50, 0.97, (), (), 1.0), **changes)


def test_training_below_its_accuracy_or_hardly_judged_is_not_shown() -> None:
    assert "test accuracy 94.0%" in claims.training_claim(training(accuracy=0.94)).figure
    assert claims.training_claim(training()).figure == "only 0 steps judged"
    assert claims.training_claim(training()).verdict == "WRONG"
