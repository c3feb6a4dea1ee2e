"""False alarms of the native engine in campaigns of random graphs, each with its cause, and that the cure excuses no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from answering import Bent, answering, case, chain

from gradproof.oracles import excuse
from gradproof.oracles.catalogue.complexes import HEAVY
from gradproof.oracles.certificate import certify
from gradproof.oracles.domain import ROOMS
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.registry import engine
from gradproof.oracles.verdict import Kind

NATIVE = engine("native")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


def leaves(*data: Any) -> tuple[Leaf, ...]:
    return tuple(Leaf(np.asarray(x, dtype=float)) for x in data)


def overflown_norm(cotangent: list[float]) -> Case:
    """Seed 31001, float64, graph 21,273: layer_norm of an infinity, so that every normalised value is a NaN."""
    nodes = (Node("exp", (2,)), Node("nn.layer_norm", (3, 0, 1), {"eps": 2.0**-10}))
    return Case(Graph(leaves([1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 6e10]), nodes, (4,)), (np.array(cotangent),))


@pytest.mark.parametrize("cotangent", [[0.0, 0.0, 0.0], [0.0, 0.0, -1.5], [1.0, 0.0, 0.0]])
def test_a_factor_beside_an_overflow_is_excused_where_the_cotangent_is_zero_too(cotangent: list[float]) -> None:
    assert judge(overflown_norm(cotangent), NATIVE).kind is Kind.RANGE


def test_a_bias_beside_an_overflow_is_not() -> None:
    norm = overflown_norm([1.0, 0.0, 2.0])
    assert judge(norm, answering(norm, [np.nan] * 3, [1.0, np.nan, 2.0], [np.nan] * 3)).kind is Kind.WRONG


def masked(first: float = 0.5) -> Case:
    """Attention of one query that sees the first of two keys, under a cotangent that overflows on its way there."""
    mask = Leaf(np.array([[True, False]]), constant=True)
    params = {"causal": False, "scale": 1.0, "grouped": False}
    nodes = (Node("nn.scaled_dot_product_attention", (0, 1, 2, 3), params), Node("exp", (4,)), Node("exp", (5,)))
    graph = Graph((*leaves([[1.0]], [[1.0], [2.0]], [[6.5], [first]]), mask), nodes, (6,))
    return Case(graph, (np.array([[1e100]]),))


def test_zeros_of_a_mask_beside_a_cotangent_that_overflowed_may_give_nan_and_no_other_number() -> None:
    attention = masked()
    spoilt = judge(attention, answering(attention, [[0.0]], [[0.0], [0.0]], [[np.inf], [np.nan]]))
    assert next(f.kind for f in spoilt.findings if f.property == "gradient") is Kind.RANGE
    assert judge(attention, answering(attention, [[0.0]], [[0.0], [0.0]], [[np.inf], [7.0]])).kind is Kind.WRONG


def test_where_no_cotangent_overflows_a_nan_under_a_mask_is_wrong() -> None:
    attention = Case(masked().graph, (np.array([[1.0]]),))
    slope = np.exp(6.5) * np.exp(np.exp(6.5))
    assert judge(attention, answering(attention, [[0.0]], [[0.0], [0.0]], [[slope], [np.nan]])).kind is Kind.WRONG


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shares_of_a_tie_may_round_where_the_cotangent_is_below_the_normal_numbers(dtype: type) -> None:
    least = float(np.finfo(dtype).smallest_subnormal)
    tied = case("max", [1.0, 1.0, 1.0], ct=97 * least, dtype=dtype, axis=None, keepdims=False)
    assert not judge(tied, NATIVE).kind.fails
    normal = case("max", [1.0, 1.0, 1.0], ct=97 * 2.0**-60, dtype=dtype, axis=None, keepdims=False)
    share = 32 * 2.0**-60
    assert judge(normal, answering(normal, [share, share, share])).kind is Kind.WRONG


def product_of_errors(op: str) -> Case:
    """Seed 31001, float32, graph 39,129: xlog1py of two values that are zero but for their rounding."""
    apart = [Node("sin", (0,)), Node("sin", (1,)), Node("subtract", (2, 3))]
    ends = [Node("xlog1py", (4, 4))] if op == "xlog1py" else [Node("exp", (4,)), Node("xlogy", (4, 5))]
    return Case(Graph(leaves([1.25], [1.25]), (*apart, *ends), (4 + len(ends),)), (np.array([1.0]),))


@pytest.mark.parametrize("op", ["xlog1py", "xlogy"])
def test_where_both_slopes_vanish_the_product_of_the_errors_is_the_error(op: str) -> None:
    flat = product_of_errors(op)
    assert judge(flat, Bent(outputs=lambda out: [out[0] + 1e-33])).kind is Kind.AGREE
    assert judge(flat, Bent(outputs=lambda out: [out[0] + 1e-28])).kind is Kind.SPEC


def test_a_library_function_of_a_whole_number_may_move_it_by_one_rounding() -> None:
    """Seed 31001, float64, graph 58,759: SciPy's ndtr(-24) is off by half of 24**2 roundings, LOSSY only after a floor."""
    assert judge(chain([-23.5], "floor", "ndtr"), NATIVE).kind is Kind.AGREE
    assert judge(chain([-23.5], "floor"), Bent(outputs=lambda out: [out[0] - 4e-15])).kind is Kind.SPEC


THRESHOLD = ("nn.threshold", {"threshold": 0.0, "value": 20.0})


def test_a_selection_whose_branches_do_not_meet_jumps() -> None:
    """Seed 32001, float64, graph 24,984: softplus underflows, so that nn.threshold takes the other branch."""
    assert judge(chain([-3e17], "nn.softplus", THRESHOLD), NATIVE).kind is Kind.ILL_CONDITIONED
    beside = chain([-3e17, 1.0], "nn.softplus", THRESHOLD)
    right = judge(beside, NATIVE)
    assert (right.kind, right.undecided) == (Kind.SUBGRADIENT, 0)
    assert judge(beside, Bent(outputs=lambda out: [out[0] + [0.0, 1e-9]])).kind is Kind.SPEC
    assert judge(chain([-0.5, 0.0, 1.0], THRESHOLD), Bent(outputs=lambda out: [out[0] * [1.0, 0.0, 1.0]])).kind is Kind.SPEC


def test_a_jump_within_rounding_leaves_undecided_what_it_reaches_and_nothing_else() -> None:
    nodes = (Node("exp", (0,)), Node("log", (2,)), Node("remainder", (3, 1)), Node("sin", (1,)))
    apart = Case(Graph(leaves([3.0, 1.0], [1.5, 0.75]), nodes, (4, 5)), (np.ones(2), np.ones(2)))
    slopes = np.cos([1.5, 0.75]) - [2.0, 1.0]
    assert (judge(apart, NATIVE).kind, judge(apart, NATIVE).undecided) == (Kind.AGREE, 1)
    assert judge(apart, answering(apart, [1.0, 1.0], [99.0, slopes[1]])).kind is Kind.AGREE  # by y the slope jumps
    assert judge(apart, answering(apart, [1.0, 1.0], [slopes[0], 99.0])).kind is Kind.WRONG
    assert judge(apart, answering(apart, [1.5, 1.0], slopes)).kind is Kind.WRONG


def test_zeros_that_are_computed_without_error_are_no_jump() -> None:
    nodes = (Node("sqrt", (0,)), Node("nn.relu", (1,)), Node("add", (2, 3)), Node("remainder", (4, 1)))
    whole = Case(Graph(leaves([0.0, 1.0], [-0.5, 2.0]), nodes, (5,)), (np.array([0.0, 1.0]),))
    assert judge(whole, NATIVE).kind is not Kind.ILL_CONDITIONED
    assert judge(whole, Bent(outputs=lambda out: [out[0] + [0.5, 0.0]])).kind is Kind.SPEC


def test_a_number_that_is_not_known_is_not_missing() -> None:
    """Seed 33001, float64, graph 5,386: log_ndtr(-41444176) had lost its ball, and nanmax took that for an input that is NaN."""
    far = chain([[0.0], [-41444176.0]], "log_ndtr", ("nanmax", {"axis": 1, "keepdims": False}))
    assert judge(far, NATIVE).kind is Kind.AGREE
    unknown = chain([[0.0], [1e300]], "cos", "exp", ("nanmax", {"axis": 1, "keepdims": False}))
    assert not judge(unknown, NATIVE).kind.fails
    missing = chain([[2.0, np.nan]], "negative", ("nanmax", {"axis": 1, "keepdims": False}))
    assert judge(missing, NATIVE).kind in (Kind.AGREE, Kind.SUBGRADIENT)
    assert judge(missing, Bent(outputs=lambda out: [out[0] + 1.0])).kind is Kind.SPEC


def test_a_missing_number_is_found_at_the_end_of_a_long_sum() -> None:
    """Looked for by calls of calls, it was beyond the depth that Python allows."""
    long = chain([np.nan, *np.zeros(1500)], ("cumulative_sum", {"axis": 0, "include_initial": False}), ("nansum", {"axis": 0, "keepdims": False}))
    assert not judge(long, NATIVE).kind.fails


def test_log_ndtr_keeps_its_digits_where_the_distribution_function_vanishes() -> None:
    far = case("log_ndtr", [-40.0, -1e6, -1e12])
    right = judge(far, NATIVE)
    assert (right.kind, right.entries, right.undecided) == (Kind.AGREE, 3, 0)
    assert judge(far, answering(far, [40.02496887208443, 1e6, 1e12 * (1 + 1e-13)])).kind is Kind.WRONG


def test_a_missing_number_of_no_axes_is_left_out_too() -> None:
    assert judge(case("nansum", np.array(np.nan), axis=None, keepdims=False), NATIVE).kind is Kind.AGREE
    assert judge(chain(np.nan, "negative", ("nan_to_num", {"nan": 1.5})), NATIVE).kind is Kind.AGREE


@pytest.mark.parametrize(
    "last",
    [
        ("linalg.matrix_norm", {"ord": 2, "keepdims": False}),
        ("linalg.svdvals", {}),
        ("linalg.eigvalsh", {}),
        ("linalg.expm", {}),
        ("linalg.slogdet", {"result": "logabsdet"}),
    ],
)
def test_a_matrix_that_overflowed_is_no_fault_and_no_crash_of_the_judge(last: tuple[str, dict[str, object]]) -> None:
    """Seed 7001, float64, graph 35,090: NumPy's SVD of a matrix with an infinity raised within the judge."""
    beyond = chain([[40.0, 1.0], [1.0, 2.0]], "sinh", "nn.sigmoid", "logit", last)  # in float64 logit(1) is infinite
    assert not judge(beyond, NATIVE).kind.fails


def test_rows_of_a_complex_matrix_that_is_factorised_are_of_like_size() -> None:
    """Seed 0, complex.linalg.det 36 and solve 43: a row of 1e7 beside rows of 1, where another pivot costs 200 bounds."""
    parts = np.random.default_rng(0).standard_normal((5, 5, 2))
    parts[2] *= 1e7
    found = HEAVY.into(parts, ROOMS["float64"])
    size = np.hypot(found[..., 0], found[..., 1])
    assert (2 * np.diag(size) > size.sum(axis=-1)).all()
    assert size.max() < 500


def test_a_number_too_small_for_the_dtype_is_at_the_jump_of_floor() -> None:
    """Seed 7003, float64, graph 17,567: -softplus(-70000) is -1e-30401, whose floor is -1, and 0 in float64."""
    assert not judge(chain([-70000.0], "nn.softplus", "negative", "floor"), NATIVE).kind.fails
    far = chain([-30.0], "nn.softplus", "negative", "floor")
    assert judge(far, NATIVE).kind is Kind.AGREE
    assert judge(far, Bent(outputs=lambda out: [out[0] + 1.0])).kind.fails


def test_a_matrix_of_logarithms_of_what_rounds_to_zero_may_be_refused() -> None:
    """Seed 7003, float32, graph 1,821: bce of sigmoid(-67000), by itself, is NaN in floats, and NumPy's SVD refused it."""
    at_the_edge = chain([[-800.0, 1.0], [1.0, 2.0]], "nn.sigmoid", "log", "exp", "linalg.svdvals")
    error = np.linalg.LinAlgError("SVD did not converge")
    assert excuse.crash(error, certify(at_the_edge), 16.0).kind is Kind.ILL_CONDITIONED
    plain = chain([[3.0, 1.0], [1.0, 2.0]], "nn.sigmoid", "log", "exp", "linalg.svdvals")
    assert excuse.crash(error, certify(plain), 16.0).kind is Kind.CRASHED


def test_a_number_below_all_floats_is_no_mask_and_an_axis_that_is_masked_whole_is_no_number() -> None:
    """Seed 7003, float32, graph 69,125: softmax of one such number divided by a sum of nothing, within the judge."""
    far = chain([[800.0, 1.0], [2.0, 3.0]], "exp", "exp", "negative")
    values = (*far.graph.nodes, Node("nn.softmax", (3,), {"axis": 0}))
    tall = Case(Graph(far.graph.leaves, values, (4,)), (np.array([[1.0, -0.5], [0.5, 2.0]]),))
    assert not judge(tall, NATIVE).kind.fails
    hidden = case("nn.softmax", [[-np.inf, 1.0], [-np.inf, 2.0]], axis=0)
    assert not judge(hidden, NATIVE).kind.fails
    partly = case("nn.softmax", [[-np.inf, 1.0], [0.5, 2.0]], axis=0)
    assert judge(partly, NATIVE).kind is Kind.AGREE


def test_a_divisor_too_small_for_the_dtype_leaves_the_quotient_undecided() -> None:
    """Seed 7005, float64, graph 165,250: 0 over sigmoid(-2048) is 0, and 0 over 0 in float64."""
    zero, below = Leaf(np.array([0.0, 3.0])), Leaf(np.array([-2048.0, 1.0]))
    graph = Graph((zero, below), (Node("nn.sigmoid", (1,)), Node("floor_divide", (0, 2))), (3,))
    found = judge(Case(graph, (np.array([1.0, 1.0]),)), NATIVE)
    assert not found.kind.fails
    assert judge(Case(graph, (np.array([1.0, 1.0]),)), Bent(outputs=lambda out: [out[0] + [0.0, 1.0]])).kind is Kind.SPEC


def test_an_overflow_under_a_cotangent_of_zero_excuses_no_finite_number() -> None:
    """Zero times infinity is NaN; a rule that makes 5 of it is wrong, and was RANGE."""
    leaf = Leaf(np.array([1000.0, 1.0]))
    graph = Graph((leaf,), (Node("exp", (0,)), Node("reciprocal", (1,))), (2,))
    far = Case(graph, (np.array([0.0, 1.0]),))
    assert not judge(far, NATIVE).kind.fails
    assert judge(far, answering(far, [5.0, -np.exp(-1.0)])).kind is Kind.WRONG
    assert judge(far, answering(far, [np.nan, -np.exp(-1.0)])).kind is not Kind.WRONG
