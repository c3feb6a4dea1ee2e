"""Each verdict the judge can give, shown by a small engine made to earn it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from answering import Arrays, Bent, answering, case, chain, with_ct

from gradproof.oracles.engine import Capabilities, Engine
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.finding import Verdict
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.trial import run
from gradproof.oracles.verdict import Kind

EXP = case("exp", [0.3, -1.2], ct=[1.0, -2.0])


def found(verdict: Verdict) -> tuple[Kind, str]:
    return verdict.kind, verdict.decisive.property


def scaled(factor: float) -> Bent:
    return Bent(gradients=lambda grads, cts, call: [g * factor for g in grads])


def test_a_right_gradient_agrees(native: Engine) -> None:
    verdict = judge(EXP, native)
    assert found(verdict) == (Kind.AGREE, "gradient")
    assert verdict.units <= 1


@pytest.mark.parametrize("factor", [2.0, -1.0, 0.0, 1 + 1e-3, 1 + 1e-6, 1 + 1e-9, 1 + 1e-12])
def test_a_gradient_off_by_a_factor_is_wrong(factor: float) -> None:
    assert found(judge(EXP, scaled(factor))) == (Kind.WRONG, "gradient")


@pytest.mark.parametrize("factor", [1 + 1e-3, 1 + 1e-5])
def test_in_float32_a_gradient_off_by_a_factor_is_wrong(factor: float) -> None:
    narrow = case("exp", [0.3, -1.2], dtype=np.float32)
    engine = Bent(gradients=lambda grads, cts, call: [g * np.float32(factor) for g in grads])
    assert judge(narrow, engine).kind is Kind.WRONG


def test_the_worst_entry_is_named_with_both_values() -> None:
    verdict = judge(EXP, answering(EXP, [np.exp(0.3), 5.0]))
    assert verdict.worst is not None
    assert (verdict.worst.input, verdict.worst.index, verdict.worst.got) == (0, (1,), 5.0)
    assert verdict.worst.expected == pytest.approx(-2 * np.exp(-1.2))
    assert "5.0" in verdict.report()
    assert "%0 at [1]" in verdict.report()


def test_digits_lost_in_a_saturated_tail_are_lossy() -> None:
    tail = case("tanh", [18.0])
    assert found(judge(tail, answering(tail, [1 - np.tanh(18.0) ** 2])))[0] is Kind.LOSSY
    assert judge(tail, answering(tail, [4e-16 + 1e-12])).kind is Kind.WRONG
    middle = case("tanh", [0.5])
    assert judge(middle, answering(middle, [(1 - np.tanh(0.5) ** 2) * (1 + 1e-12)])).kind is Kind.WRONG


def test_another_function_is_spec() -> None:
    assert found(judge(EXP, Bent(outputs=lambda outs: [o + 1e-9 for o in outs]))) == (Kind.SPEC, "value")
    assert judge(EXP, Bent(outputs=lambda outs: [o * np.nan for o in outs])).kind is Kind.SPEC


def test_a_value_that_differs_is_named_by_its_output_and_entry() -> None:
    verdict = judge(EXP, Bent(outputs=lambda outs: [o + np.array([0.0, 1.0]) for o in outs]))
    assert verdict.worst is not None
    assert (verdict.worst.input, verdict.worst.index) == (1, (1,))
    assert verdict.worst.got == pytest.approx(1 + verdict.worst.expected)
    assert "value of %1 at [1]" in verdict.report()


def test_nan_from_an_untaken_branch_is_a_class_of_its_own() -> None:
    """where(x > 0, sqrt(x), 0) at 0: a zero cotangent times an infinite slope."""
    leaves = (Leaf(np.array([0.0, 4.0])), Leaf(np.array([False, True]), constant=True), Leaf(np.zeros(2)))
    graph = Graph(leaves, (Node("sqrt", (0,)), Node("where", (1, 3, 2))), (4,))
    untaken = with_ct(graph)
    assert judge(untaken, answering(untaken, [0.0, 0.25], [1.0, 0.0])).kind is Kind.AGREE
    assert judge(untaken, answering(untaken, [np.nan, 0.25], [1.0, 0.0])).kind is Kind.NAN_UNTAKEN
    assert judge(untaken, answering(untaken, [np.nan, 0.5], [1.0, 0.0])).kind is Kind.WRONG


def test_nan_with_no_infinite_slope_is_wrong() -> None:
    assert judge(EXP, answering(EXP, [np.nan, -2 * np.exp(-1.2)])).kind is Kind.WRONG


def test_a_declared_nan_at_a_singular_point_is_accepted_and_an_undeclared_one_is_not() -> None:
    norm = case("linalg.vector_norm", [0.0, 0.0], axis=None, keepdims=False, ord=2)
    declared = Capabilities(("float64",), at_kinks={"linalg.vector_norm": np.nan})

    def nan(grads: Arrays, cts: Arrays, call: int) -> Arrays:
        return [grads[0] * np.nan if cts[0].any() else grads[0], *grads[1:]]

    assert judge(norm, Bent(gradients=nan, capabilities=declared)).kind is Kind.SUBGRADIENT
    assert judge(norm, Bent(gradients=nan)).kind.fails


def test_overflow_of_the_dtype_is_range() -> None:
    assert judge(chain([800.0], "exp"), Bent()).kind is Kind.RANGE
    assert judge(chain([100.0], "exp", dtype=np.float32), Bent()).kind is Kind.RANGE


def test_rounding_that_may_change_every_digit_is_ill_conditioned() -> None:
    assert judge(chain([1e12], "square", "sin"), Bent()).kind is Kind.ILL_CONDITIONED


def test_a_singular_point_has_no_verdict() -> None:
    assert judge(chain([1.0], "acosh", "log"), Bent()).kind is Kind.ILL_CONDITIONED
    assert judge(case("log", [-1.0]), Bent()).kind is Kind.ILL_CONDITIONED


def raising(error: BaseException) -> Any:
    def fail(*_: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [ValueError("no"), ZeroDivisionError(), MemoryError(), AssertionError(), KeyError("x")]
)
def test_an_engine_that_raises_has_crashed(error: BaseException) -> None:
    verdict = judge(EXP, Bent(gradients=raising(error)))
    assert found(verdict) == (Kind.CRASHED, "gradient")
    assert type(error).__name__ in verdict.reason
    assert judge(EXP, Bent(outputs=raising(error))).kind is Kind.CRASHED


@pytest.mark.parametrize("answer", [None, "text", object()])
def test_an_answer_that_is_no_array_never_agrees(answer: Any) -> None:
    assert judge(EXP, Bent(gradients=lambda grads, cts, call: [answer])).kind.fails


def test_what_an_engine_declares_it_lacks_is_unsupported(native: Engine) -> None:
    lacking = Bent(capabilities=Capabilities(("float64",), unsupported=frozenset({"exp"})))
    assert judge(EXP, lacking).kind is Kind.UNSUPPORTED
    assert (
        judge(case("exp", [0.5], dtype=np.float32), Bent(capabilities=Capabilities(("float64",)))).kind
        is Kind.UNSUPPORTED
    )
    assert judge(EXP, Bent(outputs=raising(Unsupported("not on this device")))).kind is Kind.UNSUPPORTED

    class Empty:
        pass

    assert judge(EXP, Bent(namespace=Empty())).kind is Kind.UNSUPPORTED


# ---- contract, one property at a time


def contract(engine: Bent, of: Case = EXP) -> str:
    verdict = judge(of, engine)
    assert verdict.kind is Kind.CONTRACT, verdict.report()
    return verdict.decisive.property


@pytest.mark.parametrize("change", [
    lambda g: g[None], lambda g: g[:1], lambda g: g.astype(np.float32), lambda g: g.sum(), lambda g: g.astype(complex),
])  # fmt: skip
def test_a_gradient_has_the_shape_and_dtype_of_its_primal(change: Any) -> None:
    assert contract(Bent(gradients=lambda grads, cts, call: [change(g) for g in grads])) == "shape_and_dtype"


@pytest.mark.parametrize("change", [lambda o: o[None], lambda o: o.astype(np.float32), lambda o: o[:1]])
def test_an_output_has_the_shape_and_dtype_of_the_primals(change: Any) -> None:
    assert contract(Bent(outputs=lambda outs: [change(o) for o in outs])) == "shape_and_dtype"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_there_is_one_gradient_a_primal(count: int) -> None:
    pair = case("multiply", [2.0], [3.0])
    assert contract(Bent(gradients=lambda grads, cts, call: [*grads, *grads][:count]), pair) == "shape_and_dtype"


def test_two_runs_are_equal_bit_for_bit() -> None:
    noisy = Bent(gradients=lambda grads, cts, call: [g * (1 + 2.0**-52 * (call > 1)) for g in grads])
    assert contract(noisy) == "repeatable"


def test_outputs_of_two_runs_are_equal_bit_for_bit() -> None:
    class Count:
        n = 0

    def outputs(outs: Arrays) -> Arrays:
        Count.n += 1
        return [o * (1 + 2.0**-52 * (Count.n > 1)) for o in outs]

    drawn = [case("exp", [x, -1.2]) for x in np.linspace(0.1, 1.0, 10).tolist()]
    twice = [c for c in drawn if run(Bent(), c).outputs_again is not None]  # one case in two, by its content
    assert 0 < len(twice) < len(drawn)
    for each in twice:
        Count.n = 0
        assert contract(Bent(outputs=outputs), each) == "repeatable"


def test_a_gradient_once_returned_is_not_overwritten() -> None:
    buffer = np.zeros(2)

    def reuse(grads: Arrays, cts: Arrays, call: int) -> Arrays:
        buffer[:] = grads[0]
        return [buffer, *grads[1:]]

    assert contract(Bent(gradients=reuse)) == "preserved"


def test_inputs_are_not_written() -> None:
    def write(primals: Any, cts: Any) -> None:
        np.asarray(primals[0])[...] *= 1 + 2.0**-52

    verdict = judge(EXP, Bent(before=write))
    assert verdict.kind is Kind.CONTRACT
    assert "untouched" in [f.property for f in verdict.findings if f.kind is Kind.CONTRACT]


def test_cotangents_are_not_written() -> None:
    def after(grads: Arrays, cts: Arrays, call: int) -> Arrays:
        cts[0][...] = -cts[0] if call == 1 else cts[0]
        return grads

    verdict = judge(EXP, Bent(gradients=after))
    assert verdict.kind is Kind.CONTRACT
    assert "untouched" in [f.property for f in verdict.findings if f.kind is Kind.CONTRACT]


def test_a_zero_cotangent_gives_zeros() -> None:
    offset = Bent(gradients=lambda grads, cts, call: [g + 1e-30 for g in grads])
    assert contract(offset) == "zero"


def test_an_input_that_nothing_uses_has_a_gradient_of_zeros() -> None:
    def fill(grads: Arrays, cts: Arrays, call: int) -> Arrays:
        return [g if i == 0 else g + 1 for i, g in enumerate(grads)]

    assert contract(Bent(gradients=fill)) == "unused_is_zero"
    assert contract(Bent(gradients=lambda grads, cts, call: grads[:1])) == "shape_and_dtype"


@pytest.mark.parametrize("bend", [lambda g: np.maximum(g, 0), lambda g: np.clip(g, -2.2, 2.2), lambda g: np.abs(g)])
def test_a_gradient_is_linear_in_the_cotangent(bend: Any) -> None:
    engine = Bent(gradients=lambda grads, cts, call: [bend(g) for g in grads])
    assert found(judge(case("exp", [0.3], ct=[1.5]), engine)) == (Kind.WRONG, "linear")


def test_the_most_severe_finding_makes_the_verdict() -> None:
    both = Bent(gradients=lambda grads, cts, call: [g * 2 + 1e-3 * call for g in grads])
    verdict = judge(EXP, both)
    assert verdict.kind is Kind.WRONG
    assert {f.kind for f in verdict.findings} >= {Kind.WRONG, Kind.CONTRACT}


def test_every_verdict_reports_itself(native: Engine) -> None:
    for engine in (native, scaled(2.0), Bent(gradients=raising(ValueError("no")))):
        text = judge(EXP, engine).report()
        assert "what to do" in text
        assert "%1 = exp(%0)" in text
