"""Graphs linearised on whole arrays: the scalar table, NumPy's structure and the bound agree with the scalar judge's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gradproof.oracles.bound import Rounding
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.certificate import certify
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.large.arrays import ARRAYS
from gradproof.oracles.large.lanes import edges, on_arrays
from gradproof.oracles.large.linearised import Linearised
from gradproof.oracles.large.pushforward import Pushforward
from gradproof.oracles.large.tracked import NotLinearised, Tracked, lift
from gradproof.oracles.scalar import BINARY, FLOAT, UNARY
from gradproof.specs import run

OPS = tuple(CATALOGUE)
SORTED = {"sort", "topk", "kthvalue", "median", "quantile", "cumulative_max", "cumulative_min", "logcumsumexp"}
ELIMINATION = {name for name, row in CATALOGUE.items() if row.factorises} | {"linalg.cross", "linalg.kron"}
EXAMPLES = 12


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with np.errstate(all="ignore"):
        yield


def drawn(op: str, dtype: str, count: int = EXAMPLES) -> list[Case]:
    return [case for _, case in run.cases(run.Task("native", op, dtype, 0, count, 3, OPS if op == "graph" else ()))]


def along(case: Case, seed: int = 0) -> tuple[Any, Any, Any]:
    """The projection along a random signed direction, the direction, and the linearised case."""
    reference = Linearised.of(case)
    rng = np.random.default_rng(seed)
    d = rng.choice([-1.0, 1.0], reference.size) * rng.uniform(0.5, 1, reference.size)
    return reference.project(np.arange(reference.size), d), d, reference


@pytest.mark.parametrize("name", UNARY)
def test_a_row_on_an_array_is_the_row_at_each_entry(name: str) -> None:
    row, x = UNARY[name], np.array([0.75, -0.5, 0.0, 1.25, -3.0, 0.25, 40.0, -40.0])

    def rows(F: Any, v: Any) -> Any:
        y = row.value(F, v)
        p = row.slope(F, v, y)
        return y, p, row.second(F, v, y, p)

    for entry, *found in zip(x.tolist(), *on_arrays(rows, x), strict=True):
        try:
            expected = rows(FLOAT, entry)
        except (ZeroDivisionError, OverflowError):
            continue
        for a, b in zip(found, expected, strict=True):
            assert a == pytest.approx(b, rel=1e-12, abs=1e-300, nan_ok=True) or not math.isfinite(b)


@pytest.mark.parametrize("name", BINARY)
def test_a_row_of_two_arguments_on_arrays_is_the_row_at_each_entry(name: str) -> None:
    row = BINARY[name]
    x, y = np.array([0.75, 2.0, 1.0, 3.0, 0.0]), np.array([2.0, 0.5, -1.5, 3.0, 2.0])

    def rows(F: Any, v: Any, w: Any) -> Any:
        z = row.value(F, v, w)
        return (z, *row.slopes(F, v, w, z))

    for a, b, *found in zip(x.tolist(), y.tolist(), *on_arrays(rows, x, y), strict=True):
        for got, expected in zip(found, rows(FLOAT, a, b), strict=True):
            assert got == pytest.approx(expected, rel=1e-12, nan_ok=True) or not math.isfinite(expected)


@pytest.mark.parametrize("name", [n for n, row in {**UNARY, **BINARY}.items() if row.edge])
def test_edges_of_many_entries_are_the_edges_of_each(name: str) -> None:
    row: Any = {**UNARY, **BINARY}[name]
    points = np.random.default_rng(0).uniform(0.1, 0.9, (2 if name in BINARY else 1, 500))
    whole = edges(row.edge, *points)
    for i in (0, 250, 499):
        one = row.edge(*points[:, i].tolist())
        assert tuple(w[i] for w in whole) == pytest.approx(one if isinstance(one, tuple) else (one,))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("op", [o for o in (*OPS, "graph") if o not in ELIMINATION | SORTED])
def test_projections_agree_with_the_exact_gradient_and_the_bound_covers_the_judges(op: str, dtype: str) -> None:
    compared = 0
    for case in drawn(op, dtype):
        if (ELIMINATION | SORTED) & set(case.graph.ops):
            continue
        certificate = certify(case)
        exact, bound = np.array([float(a) for a in certificate.gradient]), np.array(certificate.bound)
        projection, d, _ = along(case)
        if certificate.kinked or projection.hull or not projection.finite:
            continue
        if not (np.isfinite(exact).all() and np.isfinite(bound).all()):
            continue
        compared += 1
        rounding = 4e-16 * float(np.abs(exact) @ np.abs(d))
        assert abs(projection.value - float(exact @ d)) <= 4 * projection.own + rounding
        allowed = float(bound @ np.abs(d))
        floor = 1e-290 if dtype == "float64" else 1e-30  # where only underflow is counted, at another place
        assert projection.bound >= allowed / 2.2 or allowed < floor or op in ("prod", "graph")
    assert compared >= 3


def test_a_kink_met_opens_a_hull_that_holds_every_choice() -> None:
    graph = Graph((Leaf(np.array([0.0, 1.0, -1.0])),), (Node("nn.relu", (0,)),), (1,))
    reference = Linearised.of(Case(graph, (np.array([3.0, 1.0, 1.0]),)))
    at_zero = reference.project(np.array([0]), np.ones(1))
    assert (at_zero.value, at_zero.hull) == (1.5, 1.5)
    assert reference.project(np.array([1, 2]), np.ones(2)).hull == 0


def test_ties_of_a_maximum_open_the_hull_of_the_tied_entries() -> None:
    graph = Graph((Leaf(np.array([[2.0, 2.0, 1.0]])),), (Node("max", (0,), {"axis": 1, "keepdims": False}),), (1,))
    reference = Linearised.of(Case(graph, (np.ones(1),)))
    both = reference.project(np.array([0, 1]), np.array([1.0, -0.5]))
    assert (both.value - both.hull, both.value + both.hull) == (-0.5, 1.0)
    assert reference.project(np.array([2]), np.ones(1)).hull == 0


def test_a_length_at_the_origin_may_have_any_slope_up_to_one() -> None:
    graph = Graph((Leaf(np.zeros(3)),), (Node("linalg.vector_norm", (0,), {"axis": None, "keepdims": False, "ord": 2}),), (1,))
    projection = Linearised.of(Case(graph, (np.asarray(1.0),))).project(np.arange(3), np.ones(3))
    assert (projection.value, projection.hull) == (0.0, 3.0)


def test_sums_that_fan_out_in_reverse_are_allowed_the_rounding_of_that_sum() -> None:
    """A bias added to n rows has a gradient that sums n terms, though forward mode adds nothing up."""
    bounds = []
    for rows in (10, 1000):
        graph = Graph((Leaf(np.ones(1)), Leaf(np.ones((rows, 1)), constant=True)), (Node("add", (1, 0)),), (2,))
        projection = Linearised.of(Case(graph, (np.ones((rows, 1)),))).project(np.array([0]), np.ones(1))
        bounds.append(projection.bound / projection.amount)
    assert bounds[1] / bounds[0] == pytest.approx(100, rel=0.2)


def test_what_is_not_followed_is_refused_by_name() -> None:
    x = lift(Pushforward(Rounding.of(np.dtype(np.float64))), np.ones(2))
    assert isinstance(x, Tracked)
    with pytest.raises(NotLinearised, match="sort"):
        np.sort(x)  # type: ignore[call-overload]
    with pytest.raises(NotLinearised, match="zeta"):
        ARRAYS.zeta  # noqa: B018
    with pytest.raises(NotLinearised, match="floor"):
        np.floor(x)  # type: ignore[call-overload]


@pytest.mark.parametrize("op", sorted(SORTED))
def test_what_compares_its_way_along_an_axis_is_not_judged_on_whole_arrays(op: str) -> None:
    with pytest.raises(NotLinearised, match="not followed on whole arrays"):
        Linearised.of(drawn(op, "float64", 1)[0])


@pytest.mark.parametrize("op", sorted(ELIMINATION))
def test_elimination_is_not_judged_on_whole_arrays(op: str) -> None:
    with pytest.raises(NotLinearised, match=op):
        Linearised.of(drawn(op, "float64", 1)[0])
