"""Modes: every nesting computes its quantity, a fault that lives in one mode alone is found in it, and blamed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from answering import case, chain

import gradproof.engine as ge
from gradproof.oracles.blame import blame
from gradproof.oracles.codec import from_json, to_json
from gradproof.oracles.directions import TANGENTS, directions, with_directions
from gradproof.oracles.engine import Capabilities, Engine, nestings
from gradproof.oracles.errors import GradproofError, Unsupported
from gradproof.oracles.graph import Array, Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.modes import MODES, composed, judge_mode, judge_modes, offered
from gradproof.oracles.registry import engine
from gradproof.oracles.verdict import Kind
from gradproof.specs.limits import judging_of, verdict_of
from gradproof.specs.mutants.catalogue import named

PLAIN = tuple(name for name, mode in MODES.items() if not mode.around)
X, CT, V, W, U = (np.array([float(a), float(b)]) for a, b in ((2, -3), (0.5, 1.25), (-1, 3), (0.25, -2), (5, 1.5)))


@pytest.fixture(scope="module")
def native() -> Engine:
    return engine("native")


def test_modes_are_all_words_up_to_order_three_plain_batched_and_compiled() -> None:
    assert len(MODES) == 3 * (2 + 4 + 8) - 1
    assert {m.name for m in MODES.values() if m.order == 2 and not m.around} == {
        "reverse over reverse", "forward over reverse", "reverse over forward", "forward over forward",
    }  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_a_word_of_transforms_computes_the_derivative_of_its_order(native: Engine, name: str) -> None:
    """Of x**4, entry by entry, whose derivatives are all known and are exact in floats."""
    mode = MODES[name]
    slope = (4 * X**3, 12 * X**2, 24 * X)[mode.order - 1]
    fn = composed(native, lambda x: (ge.square(ge.square(x)),), mode.word, (CT,), [(V,), (W,), (U,)])
    along = (V, W, U)[: mode.levels]
    expected = slope * np.prod(along, axis=0) * (1 if mode.pushes else CT)
    np.testing.assert_array_equal(np.asarray(fn(X)[0]), expected)


def test_an_engine_is_asked_for_no_mode_that_it_does_not_declare(native: Engine) -> None:
    bare = engine_like(native, modes=frozenset({"reverse"}))
    assert offered(bare, MODES) == ()
    assert judge_mode(case("exp", [1.0]), bare, "forward").kind is Kind.UNSUPPORTED
    plain = engine_like(native, modes=nestings())
    assert offered(plain, MODES, 1) == ("forward",)
    assert offered(plain, ("reverse over reverse", "forward")) == ("forward", "reverse over reverse")


def test_a_name_that_is_no_mode_is_an_error_that_lists_them(native: Engine) -> None:
    with pytest.raises(GradproofError, match="no mode named 'sideways'; there are: reverse, "):
        offered(native, ("sideways",))


def engine_like(native: Engine, **capabilities: Any) -> Any:
    """The native engine with other capabilities, and methods that may be replaced."""

    class Like:
        name, lineage, namespace = "like", "test", ge
        from_numpy, to_numpy, vjp, jvp = native.from_numpy, native.to_numpy, native.vjp, native.jvp  # type: ignore[attr-defined]

    like: Any = Like()
    like.capabilities = replace(Capabilities(dtypes=("float64", "float32"), modes=nestings(around=("", "vmap of "))), **capabilities)
    return like


# ---- directions


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_directions_follow_from_the_case_are_of_its_dtype_and_not_constant(dtype: Any) -> None:
    c = case("multiply", np.arange(6.0), np.arange(6.0) + 1, dtype=dtype)
    (v, w), (again, _) = directions(c, 2)[0], directions(c, 1)[0]
    np.testing.assert_array_equal(v, again)
    assert v.dtype == w.dtype == dtype
    assert len(set(v.tolist())) > 1
    assert not np.array_equal(v, w)
    other = replace(c, cotangents=(c.cotangents[0] * 2,))
    assert not np.array_equal(directions(other, 1)[0][0], v)


def test_directions_saved_with_a_case_are_the_ones_it_is_replayed_with() -> None:
    c = with_directions(case("exp", [0.1, 0.2, 0.3]), 2)
    c = replace(c, note={**c.note, TANGENTS: [[["0x1p-1", "0x1p+1", "-0x1p+0"]], c.note[TANGENTS][1]]})
    back = from_json(to_json(c))
    np.testing.assert_array_equal(directions(back, 1)[0][0], [0.5, 2.0, -1.0])
    np.testing.assert_array_equal(directions(back, 2)[1][0], directions(c, 2)[1][0])


def test_saved_directions_that_no_longer_fit_are_drawn_anew() -> None:
    c = with_directions(case("exp", [0.1, 0.2, 0.3]), 1)
    smaller = Case(case("exp", [0.1]).graph, (np.ones(1),), c.note)
    assert directions(smaller, 1)[0][0].shape == (1,)


def test_directions_of_a_matrix_that_cholesky_reads_are_symmetric() -> None:
    (v,) = directions(case("linalg.cholesky", [[4.0, 1.0], [1.0, 3.0]]), 1)[0]
    np.testing.assert_array_equal(v, v.T)


# ---- verdicts


CHAIN = Graph(
    (Leaf(np.array([[0.3, -1.2], [0.5, 0.9]])), Leaf(np.array([[1.1, 0.4], [-0.7, 0.2]]))),
    (Node("matmul", (0, 1)), Node("sin", (2,)), Node("exp", (3,)), Node("nn.softmax", (4,), {"axis": -1})),
    (5,),
)
SMOOTH = Case(CHAIN, (np.array([[1.5, -0.5], [0.25, 2.0]]),))


@pytest.mark.parametrize("name", PLAIN)
def test_the_native_engine_agrees_in_every_mode(native: Engine, name: str) -> None:
    found = judge_mode(SMOOTH, native, name)
    assert found.kind is Kind.AGREE, found
    assert 0 < found.units < 4
    assert found.entries == (4 if MODES[name].pushes else 8)


def test_a_fault_of_the_second_order_alone_is_found_there_told_and_blamed(native: Engine) -> None:
    with named("second order only: sin: x is a constant").plant():
        assert judge(SMOOTH, native).kind is Kind.AGREE
        verdict = verdict_of(SMOOTH, native, modes=("forward", "reverse over reverse"))
        assert verdict.kind is Kind.WRONG
        assert verdict.decisive.property == "reverse over reverse"
        told = blame(verdict, native, judging=judging_of("reverse over reverse"))
    assert (told.blame, told.blamed_node) == ("sin", 3)
    text = told.report()
    assert "WRONG" in text
    assert "reverse over reverse" in text
    assert TANGENTS in told.case.note
    kinds = {f.property: f.kind for f in verdict.findings}
    assert kinds["gradient"] is Kind.AGREE


def test_a_fault_of_one_part_in_a_thousand_million_is_found_at_order_two(native: Engine) -> None:
    with named("second order only: expm1: a factor of 1 + 1e-9").plant():
        found = judge_mode(case("expm1", [0.5, 1.5]), native, "reverse over reverse")
    assert found.kind is Kind.WRONG
    assert found.units > 1e5


def changed(native: Engine, change: Callable[[Array], Array]) -> Any:
    like = engine_like(native)

    def jvp(fn: Any, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        outputs, along = native.jvp(fn, primals, tangents)  # type: ignore[attr-defined]
        return outputs, tuple(change(np.asarray(t)) for t in along)

    like.jvp = jvp
    return like


def test_a_fault_of_forward_mode_alone_is_found_in_it(native: Engine) -> None:
    wrong = changed(native, lambda t: t * (1 + 1e-12))
    assert judge(SMOOTH, wrong).kind is Kind.AGREE
    found = judge_mode(SMOOTH, wrong, "forward")
    assert found.kind is Kind.WRONG
    assert found.worst is not None
    assert found.worst.input == 5  # the output
    assert judge_mode(SMOOTH, wrong, "reverse over reverse").kind is Kind.AGREE


def test_results_of_another_shape_break_the_contract_and_an_error_is_a_crash(native: Engine) -> None:
    assert judge_mode(SMOOTH, changed(native, lambda t: t[:1]), "forward").kind is Kind.CONTRACT
    assert judge_mode(SMOOTH, changed(native, lambda t: t.astype(np.float32)), "forward").kind is Kind.CONTRACT

    def fails(error: Exception) -> Any:
        def change(t: Array) -> Array:
            raise error

        return change

    assert judge_mode(SMOOTH, changed(native, fails(ZeroDivisionError("no"))), "forward").kind is Kind.CRASHED
    assert judge_mode(SMOOTH, changed(native, fails(Unsupported("none"))), "forward").kind is Kind.UNSUPPORTED


def test_nan_and_none_and_zeros_for_derivatives_are_never_passed(native: Engine) -> None:
    for change in (lambda t: t * np.nan, lambda t: t * 0):
        assert judge_mode(SMOOTH, changed(native, change), "forward").kind is Kind.WRONG
    assert judge_mode(SMOOTH, changed(native, lambda t: None), "forward").kind in (Kind.CRASHED, Kind.CONTRACT)  # type: ignore[arg-type,return-value]


def test_a_kink_is_accepted_in_every_mode_and_nonsense_there_is_not(native: Engine) -> None:
    at_zero = chain([0.0, 1.0], "nn.relu", "exp", ct=[1.0, 1.0])
    for name in ("forward", "reverse over reverse", "forward over reverse", "reverse over forward"):
        assert judge_mode(at_zero, native, name).kind is Kind.SUBGRADIENT, name
    (v,) = directions(at_zero, 1)[0]
    for change in (lambda t: t + np.array([2.0 * v[0] + 1, 0.0]), lambda t: -t - np.array([v[0], 0.0])):
        assert judge_mode(at_zero, changed(native, change), "forward").kind is Kind.WRONG


def test_no_verdict_in_one_mode_decides_nothing_about_the_case(native: Engine) -> None:
    """The derivative of a length at the origin has none of its own; the first is in the accepted set."""
    c = case("linalg.vector_norm", [0.0, 0.0], axis=None, keepdims=False, ord=2)
    verdict = judge_modes(judge(c, native), native, ("reverse over reverse",))
    assert verdict.kind is Kind.SUBGRADIENT
    assert verdict.findings[-1].kind is Kind.ILL_CONDITIONED


def test_no_mode_is_judged_where_the_first_gradient_is_wrong(native: Engine) -> None:
    with named("factor: exp: doubled").plant():
        verdict = judge_modes(judge(case("exp", [1.0]), native), native, ("reverse over reverse",))
    assert verdict.kind is Kind.WRONG
    assert "reverse over reverse" not in {f.property for f in verdict.findings}


def test_a_mode_is_judged_in_the_time_of_a_case(native: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from gradproof.specs import limits

    monkeypatch.setattr(limits, "CASE_SECONDS_MAX", 0.2)

    def never(t: Array) -> Array:
        while True:
            pass

    verdict = limits.verdict_of(SMOOTH, changed(native, never), modes=("forward",))
    assert verdict.kind is Kind.CRASHED


@pytest.mark.parametrize("name", ["torch", "jax"])
@pytest.mark.parametrize("mode", [n for n, m in MODES.items() if m.order == 2 or (m.order == 1 and m.around)])
def test_frameworks_agree_in_every_mode_they_declare_on_a_smooth_graph(name: str, mode: str) -> None:
    pytest.importorskip(name, reason=f"{name} is not installed")
    subject = engine(name)
    if mode not in subject.capabilities.modes:  # type: ignore[attr-defined]
        pytest.skip(f"{name} declares no {mode}")
    found = judge_mode(SMOOTH, subject, mode)
    assert found.kind is Kind.AGREE, found


def test_a_saved_failure_in_a_mode_replays_in_that_mode(native: Engine) -> None:
    with named("second order only: sin: x is a constant").plant():
        verdict = verdict_of(SMOOTH, native, modes=("reverse over reverse",))
        again = partial(verdict_of, modes=("reverse over reverse",))(from_json(to_json(verdict.case)), native)
    assert again.decisive.worst == verdict.decisive.worst


def test_slope_and_curvature_at_a_kink_may_be_of_different_branches(native: Engine) -> None:
    """PyTorch's elu at 0: the slope of x <= 0, and the curvature of x > 0. Curvature of neither is wrong."""
    at_zero = chain([0.0], ("nn.elu", {"alpha": 0.5}), "exp", ct=[1.0])
    (v,) = directions(at_zero, 1)[0]

    def answers(slope: float, curvature: float) -> Any:
        like = engine_like(native)

        def vjp(fn: Any, primals: Sequence[Any]) -> Any:
            outputs, pull = native.vjp(fn, primals)
            outermost = isinstance(primals[0], np.ndarray)
            return outputs, (lambda cts: (v * (slope * slope + curvature),)) if outermost else pull

        like.vjp = vjp
        return like

    for slope, curvature in ((0.5, 0.0), (0.5, 0.5), (1.0, 0.0), (1.0, 0.5)):
        found = judge_mode(at_zero, answers(slope, curvature), "reverse over reverse")
        assert found.kind is Kind.SUBGRADIENT, (slope, curvature, found)
    assert judge_mode(at_zero, answers(1.0, 9.0), "reverse over reverse").kind is Kind.WRONG
