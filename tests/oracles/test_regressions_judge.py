"""Answers that the judge once let pass, called by a wrong name, or stumbled over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from answering import Arrays, Bent, answering, case, chain

from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Finding, Verdict
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.verdict import Kind


def gradient(verdict: Verdict) -> Finding:
    return next(f for f in verdict.findings if f.property == "gradient")


TOTAL = {"axis": None, "keepdims": False}


@pytest.mark.parametrize("answer", [-17.0, 0.0, 1e300, -np.inf])
def test_at_an_infinite_slope_only_that_infinity_is_right(answer: float) -> None:
    root = case("sqrt", [0.0, 4.0])
    assert gradient(judge(root, answering(root, [answer, 0.25]))).kind is Kind.WRONG
    assert gradient(judge(root, answering(root, [np.inf, 0.25]))).kind is Kind.AGREE


@pytest.mark.parametrize(("op", "at", "slope"), [("asin", 1.0, np.inf), ("acos", 1.0, -np.inf), ("acos", -1.0, -np.inf)])
def test_the_sign_of_an_infinite_slope_comes_from_inside_the_domain(op: str, at: float, slope: float) -> None:
    end = case(op, [at])
    assert gradient(judge(end, answering(end, [slope]))).kind is Kind.AGREE
    assert gradient(judge(end, answering(end, [-slope]))).kind is Kind.WRONG


@pytest.mark.parametrize("answer", [0.0, np.nan, 1.0])
def test_an_infinite_slope_times_zero_is_open(answer: float) -> None:
    leaves = (Leaf(np.array([0.0])), Leaf(np.array([2.0])))
    nodes = (Node("square", (0,)), Node("sqrt", (2,)), Node("sin", (1,)))
    length = Case(Graph(leaves, nodes, (3, 4)), (np.ones(1), np.ones(1)))
    found = gradient(judge(length, answering(length, [answer], [np.cos(2.0)])))
    assert (found.kind, found.entries, found.undecided) == (Kind.AGREE, 2, 1)


def test_entries_without_a_decision_are_counted_beside_the_others() -> None:
    mixed = chain([1e12, 0.5], "square", "sin")
    verdict = judge(mixed, Bent())
    assert (verdict.kind, verdict.entries, verdict.undecided) == (Kind.AGREE, 2, 1)


def test_an_overflow_excuses_no_other_term_of_its_sum() -> None:
    leaves = (Leaf(np.array([1000.0])), Leaf(np.array([0.5])))
    nodes = (Node("exp", (0,)), Node("tanh", (2,)), Node("sin", (1,)), Node("add", (3, 4)), Node("sum", (5,), TOTAL))
    both = Case(Graph(leaves, nodes, (6,)), (np.ones(()),))
    assert judge(both, answering(both, [0.0], [17.0])).kind is Kind.WRONG


def test_an_overflow_in_the_branch_not_taken_excuses_nothing_of_the_other() -> None:
    leaves = (Leaf(np.array([100.0], np.float32)), Leaf(np.array([0.5], np.float32)))
    nodes = (Node("exp", (0,)), Node("negative", (2,)), Node("maximum", (1, 3)))
    larger = Case(Graph(leaves, nodes, (4,)), (np.ones(1, np.float32),))
    assert judge(larger, answering(larger, [0.0], [17.0])).kind is Kind.WRONG


def test_nan_of_what_an_op_computes_and_discards_is_its_own_fault() -> None:
    elu = case("nn.elu", [1000.0, -1.0], alpha=1.0)
    assert judge(elu, answering(elu, [np.nan, np.exp(-1.0)])).kind is Kind.NAN_UNTAKEN


def test_an_overflow_elsewhere_excuses_no_output() -> None:
    leaves = (Leaf(np.array([400.0])), Leaf(np.array([0.5])))
    twice = {"shape": (1,)}
    nodes = (Node("exp", (0,)), Node("exp", (2,)), Node("log", (2,)), Node("reshape", (1,), twice))
    two = Case(Graph(leaves, nodes, (4, 5)), (np.ones(1), np.ones(1)))
    assert judge(two, Bent(outputs=lambda outs: [outs[0], outs[1] * np.nan])).kind is Kind.SPEC


def raising(error: BaseException) -> Any:
    def fail(*_: Any) -> None:
        raise error

    return fail


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), KeyError("exp"), TimeoutError("no answer in 60 s")])
def test_an_overflow_excuses_no_crash_of_another_kind(error: BaseException) -> None:
    assert judge(chain([800.0], "exp"), Bent(before=raising(error))).kind is Kind.CRASHED


@pytest.mark.parametrize("error", [OverflowError("x"), FloatingPointError("x"), ValueError("array has infs or NaNs")])
def test_an_engine_may_refuse_what_left_the_range(error: BaseException) -> None:
    assert judge(chain([800.0], "exp"), Bent(before=raising(error))).kind is Kind.RANGE
    assert judge(chain([8.0], "exp"), Bent(before=raising(error))).kind is Kind.CRASHED


@pytest.mark.parametrize("call", [2, 3])
@pytest.mark.parametrize(
    "change",
    [
        lambda grads: grads[:-1],
        lambda grads: [*grads, grads[0]],
        lambda grads: [np.zeros((3, 3)), *grads[1:]],
        lambda grads: [grads[0].astype(np.float32), *grads[1:]],
        lambda grads: [],
    ],
)
def test_every_later_answer_keeps_number_shape_and_dtype(change: Any, call: int) -> None:
    def bend(grads: Arrays, cts: Arrays, now: int) -> Any:
        return change(grads) if now == call else grads

    verdict = judge(case("multiply", [1.0, 2.0], [3.0, 4.0]), Bent(gradients=bend))
    assert (verdict.kind, verdict.decisive.property) == (Kind.CONTRACT, "shape_and_dtype")


def test_a_second_run_keeps_the_number_of_outputs() -> None:
    runs: list[int] = []

    def bend(outs: Arrays) -> Arrays:
        runs.append(1)
        return outs if len(runs) == 1 else [*outs, outs[0]]

    found = set()
    for x in range(8):  # one case in two is run twice
        runs.clear()
        verdict = judge(case("sin", [float(x)]), Bent(outputs=bend))
        found.add((verdict.kind, verdict.decisive.property))
    assert (Kind.CONTRACT, "shape_and_dtype") in found


def test_what_a_pullback_kept_outlives_another_evaluation_in_every_case() -> None:
    held: dict[tuple[int, ...], Any] = {}

    class Shared(Bent):
        def vjp(self, fn: Any, primals: Any) -> Any:
            x = held.setdefault(primals[0].shape, np.empty(primals[0].shape))
            x[...] = primals[0]
            rest = [np.zeros_like(p) for p in primals[1:]]
            return (np.exp(primals[0]),), lambda cts: (cts[0] * np.exp(x), *rest)

    for x in range(8):
        assert judge(case("exp", [float(x), 0.5]), Shared()).kind is Kind.WRONG


def test_a_constant_that_is_written_breaks_the_contract() -> None:
    held: list[Any] = []

    class Keeper(Bent):
        def from_numpy(self, array: Any) -> Any:
            held.append(array)
            return array

    def write(primals: Any, cts: Any) -> None:
        for array in held:
            if array.dtype.kind == "i":
                array[...] = 0

    verdict = judge(case("take", [1.0, 2.0, 3.0], np.array([2, 1]), axis=0), Keeper(before=write))
    assert Kind.CONTRACT in {f.kind for f in verdict.findings if f.property == "untouched"}


@pytest.mark.parametrize("answer", [0.0, -np.inf, np.nan])
def test_where_a_power_jumps_its_exponent_has_no_slope(answer: float) -> None:
    jump = case("pow", [0.0], [-0.0])
    assert gradient(judge(jump, answering(jump, [0.0], [answer]))).kind in (Kind.ILL_CONDITIONED, Kind.AGREE)


def test_the_worst_output_entry_speaks_and_no_lesser_trouble_hides_it() -> None:
    three = case("exp", [800.0, -1.0, 0.5])
    verdict = judge(three, Bent(outputs=lambda outs: [outs[0] + np.array([0.0, 1e-9, 1.0])]))
    assert verdict.kind is Kind.SPEC
    assert verdict.worst is not None
    assert verdict.worst.index == (2,)


class LinAlgError(ValueError):
    """As NumPy, PyTorch and others name it."""


def test_a_matrix_that_rounds_to_a_singular_one_may_be_refused() -> None:
    near = np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]])
    assert judge(case("linalg.inv", near), Bent(before=raising(LinAlgError("singular")))).kind is Kind.ILL_CONDITIONED
    far = np.array([[2.0, 1.0], [1.0, 2.0]])
    assert judge(case("linalg.inv", far), Bent(before=raising(LinAlgError("singular")))).kind is Kind.CRASHED


@pytest.mark.parametrize("answer", [np.inf, -np.inf])
def test_rounding_may_turn_the_sign_of_an_infinity(answer: float) -> None:
    x = Leaf(np.array([0.0, 1.0]))
    nodes = (Node("sqrt", (0,)), Node("nn.softmax", (1,), {"axis": 0}), Node("sum", (2,), TOTAL), Node("sin", (0,)))
    flat = Case(Graph((x,), nodes, (3, 4)), (np.ones(()), np.ones(2)))
    assert gradient(judge(flat, answering(flat, [answer, np.cos(1.0)]))).kind is Kind.AGREE


@pytest.mark.parametrize("of", [case("exp", [1000.0, 1.0]), case("log", [0.0, 1.0]), case("exp", [100.0, 1.0], dtype=np.float32)])
def test_a_value_without_a_verdict_excuses_no_entry_beside_it(of: Case) -> None:
    def bend(grads: Arrays, cts: Arrays, call: int) -> Arrays:
        grads[0][1] = 777 * cts[0][1]
        return grads

    assert judge(of, Bent()).kind.skipped
    assert judge(of, Bent(gradients=bend)).kind is Kind.WRONG


def test_an_engine_that_writes_its_inputs_is_told_beside_an_overflow_too() -> None:
    def write(primals: Any, cts: Any) -> None:
        primals[0][...] = 5

    assert judge(case("exp", [1000.0, 1.0]), Bent(before=write)).kind is Kind.CONTRACT


def test_outputs_outlive_later_calls() -> None:
    shared: dict[Any, Any] = {}

    def reuse(outs: Arrays) -> Arrays:
        buffer = shared.setdefault(outs[0].shape, np.empty_like(outs[0]))
        buffer[...] = outs[0]
        return [buffer, *outs[1:]]

    verdict = judge(case("exp", [1.0, 2.0]), Bent(outputs=reuse))
    assert (verdict.kind, verdict.decisive.property) == (Kind.CONTRACT, "preserved")


def test_of_nan_under_a_zero_cotangent_the_entry_at_a_regular_point_speaks() -> None:
    def bend(grads: Arrays, cts: Arrays, call: int) -> Arrays:
        return grads if any(c.any() for c in cts) else [grads[0] * np.nan, *grads[1:]]

    root = judge(case("sqrt", [0.0, 4.0]), Bent(gradients=bend))
    told = next(f for f in root.findings if f.property == "zero")
    assert told.worst is not None
    assert (told.kind, told.worst.index) == (Kind.NAN_UNTAKEN, (1,))
    assert "no slope is infinite" in judge(case("sin", [1.0]), Bent(gradients=bend)).reason
    assert "times an infinite slope" in judge(case("sqrt", [0.0]), Bent(gradients=bend)).reason


@pytest.mark.parametrize("declared", [0.0, 5.0, float("nan")])
def test_only_what_is_declared_at_a_pole_is_accepted_there(declared: float) -> None:
    from gradproof.oracles.engine import Capabilities

    root, keeps = case("sqrt", [0.0, 4.0]), Capabilities(at_kinks={"sqrt": declared})
    for answer in (0.0, 5.0, 777.0, np.nan):
        right = answer == declared or (np.isnan(answer) and np.isnan(declared))
        found = gradient(judge(root, answering(root, [answer, 0.25], capabilities=keeps)))
        assert found.kind in ((Kind.AGREE, Kind.SUBGRADIENT) if right else (Kind.WRONG,)), answer


def test_the_expected_infinity_is_named() -> None:
    root = case("sqrt", [0.0, 4.0])
    worst = gradient(judge(root, answering(root, [3.0, 0.25]))).worst
    assert worst is not None
    assert worst.expected == np.inf


@pytest.mark.parametrize("convention", ["left", np.inf, None, [0.0]])
def test_a_declaration_that_is_no_convention_is_refused(convention: Any) -> None:
    from gradproof.oracles.engine import Capabilities

    with pytest.raises(ValueError, match="expected a slope"):
        Capabilities(at_kinks={"abs": convention})


def test_a_pullback_asked_again_gives_the_same() -> None:
    def bend(grads: Arrays, cts: Arrays, call: int) -> Arrays:
        return [2 * g for g in grads] if call == 3 else grads

    assert judge(case("sin", [1.0]), Bent(gradients=bend)).kind is Kind.WRONG


def test_any_layout_of_the_inputs_is_judged() -> None:
    def bend_of(primals: Any) -> bool:
        return not all(np.asarray(p).flags.c_contiguous for p in primals)

    met = []

    def watch(primals: Any, cts: Any) -> None:
        met.append(bend_of(primals[:1]))

    for x in range(8):
        judge(case("sin", np.array([[float(x), 1.0], [2.0, 3.0]])), Bent(before=watch))
    assert set(met) == {True, False}


def test_a_shift_that_std_does_not_see_gives_a_gradient_of_sum_zero() -> None:
    constant = case("std", [0.1, 0.1, 0.1], axis=None, keepdims=False, correction=0)
    assert judge(constant, answering(constant, [1 / 3, 1 / 3, 1 / 3])).kind is Kind.WRONG
    assert judge(constant, answering(constant, [0.0, 0.0, 0.0])).kind is Kind.SUBGRADIENT


@pytest.mark.parametrize("answer", [np.inf, -np.inf])
def test_a_choice_at_a_tie_may_turn_the_sign_of_an_infinity(answer: float) -> None:
    x = Leaf(np.array([0.0, 1.0]))
    ends = {"min": 0.0, "max": 5.0}
    nodes = (Node("sqrt", (0,)), Node("clip", (1,), ends), Node("negative", (2,)), Node("negative", (2,)))
    tied = Case(Graph((x,), nodes, (1, 3, 4)), (np.array([1.0, 1.0]), np.array([2.0, 1.0]), np.array([0.0, 1.0])))
    assert gradient(judge(tied, answering(tied, [answer, -0.5]))).kind in (Kind.SUBGRADIENT, Kind.ILL_CONDITIONED)


def test_what_an_overflow_spoils_reaches_every_entry_of_a_tie(native: Engine) -> None:
    x = Leaf(np.array([-2000.0, -2000.0]))
    nodes = (Node("min", (0,), TOTAL), Node("cosh", (1,)), Node("tanh", (2,)))
    over = Case(Graph((x,), nodes, (1, 3)), (np.array(1.5), np.array(2.5)))
    assert not judge(over, native).kind.fails


@pytest.mark.parametrize("value", [0.1, 0.7, 1 / 3])
def test_std_of_equal_entries_has_a_gradient_of_sum_zero_in_the_native_engine(value: float, native: Engine) -> None:
    constant = case("std", [value] * 18, axis=None, keepdims=False, correction=0)
    assert not judge(constant, native).kind.fails


def test_a_nan_declared_at_the_origin_may_stand_where_a_factor_is_zero_and_nothing_flows(native: Engine) -> None:
    from gradproof.oracles.engine import Capabilities

    matrix = Leaf(np.array([[2.1, 0.2], [0.2, 0.8]]))
    lengths = Case(
        Graph((matrix,), (Node("linalg.cholesky", (0,)), Node("hypot", (1, 1))), (2,)), (np.zeros((2, 2)),)
    )

    def nan(grads: Arrays, cts: Arrays, call: int) -> Arrays:
        return [grads[0] * np.nan, *grads[1:]]

    declared = Capabilities(at_kinks={"hypot": float("nan")})
    assert not judge(lengths, Bent(gradients=nan, capabilities=declared)).kind.fails
    assert judge(lengths, Bent(gradients=nan)).kind.fails
