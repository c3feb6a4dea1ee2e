"""What the generator must draw: each fact is an input that a planted fault needed and that was once never drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pytest

from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.certificate import certify
from gradproof.oracles.domain import ROOMS
from gradproof.oracles.graph import Array, Case
from gradproof.specs import run
from gradproof.specs.mutants.score import Budget

OPS = tuple(CATALOGUE)
QUICK = 24  # the cases of an op and a dtype in the quick profile


@cache
def drawn(op: str, count: int, dtype: str = "float64") -> tuple[Case, ...]:
    return tuple(
        case for _, case in run.cases(run.Task("native", op, dtype, 0, count, 0, OPS if op == "graph" else ()))
    )


def primal(case: Case, position: int = 0) -> Array:
    return case.graph.leaves[case.graph.nodes[0].operands[position]].data


def share(op: str, fact: Callable[[Case], bool], count: int = 400) -> float:
    return sum(map(fact, drawn(op, count))) / count


def asked(case: Case) -> Array:
    return case.cotangents[0] != 0


@pytest.mark.parametrize("op", ["abs", "nn.relu", "nn.leaky_relu", "sqrt", "exp"])
def test_a_fifth_of_the_cases_ask_for_the_slope_at_0(op: str) -> None:
    assert share(op, lambda c: bool((asked(c) & (primal(c) == 0)).any())) > 0.14


@pytest.mark.parametrize("op", ["max", "min"])
def test_a_fifth_of_the_cases_have_ties(op: str) -> None:
    assert share(op, lambda c: len(np.unique(primal(c))) < primal(c).size) > 0.2


def test_lengths_are_asked_at_the_origin_within_a_quick_run() -> None:
    assert share("linalg.vector_norm", lambda c: bool(certify(c).singular)) > 1 / QUICK


def test_x_to_the_1_is_asked_at_0() -> None:
    def at_zero(case: Case) -> bool:
        x, y = np.broadcast_arrays(primal(case), primal(case, 1))
        return x.shape == case.cotangents[0].shape and bool((asked(case) & (x == 0) & (y == 1)).any())

    assert share("pow", at_zero) > 0.01


@pytest.mark.parametrize("op", ["multiply", "maximum", "divide"])
def test_a_0d_operand_meets_an_array_on_either_side(op: str) -> None:
    assert share(op, lambda c: primal(c).ndim == 0 < primal(c, 1).ndim) > 0.01
    assert share(op, lambda c: primal(c, 1).ndim == 0 < primal(c).ndim) > 0.01


@pytest.mark.parametrize("op", ["multiply", "matmul", "logaddexp", "linalg.solve", "nn.conv2d", "nn.layer_norm"])
def test_an_operand_is_held_fixed_now_and_then(op: str) -> None:
    for position in range(2):
        assert share(op, lambda c, p=position: c.graph.leaves[c.graph.nodes[0].operands[p]].constant) > 0.03  # type: ignore[misc]


def test_a_cyclic_permutation_of_equal_lengths_is_drawn_within_a_quick_run() -> None:
    def cyclic(case: Case) -> bool:
        axes = [a % 3 for a in case.graph.nodes[0].params["axes"]]  # type: ignore[union-attr, operator]
        return axes in ([1, 2, 0], [2, 0, 1]) and len(set(primal(case).shape)) == 1

    assert share("permute_dims", cyclic) > 1 / QUICK


@pytest.mark.parametrize("lengths", ["an empty sum", "no columns"])
def test_matrix_products_have_empty_sums_and_empty_results(lengths: str) -> None:
    wanted = {"an empty sum": lambda c: primal(c).size == 0 < c.cotangents[0].size,
              "no columns": lambda c: primal(c).size > 0 == c.cotangents[0].size}[lengths]  # fmt: skip
    assert share("matmul", wanted) > 0.005


@pytest.mark.parametrize("op", ["nn.softplus", "nn.sigmoid", "tanh", "erfc"])
def test_the_shoulders_of_saturating_functions_are_visited(op: str) -> None:
    """Between 20 and 37 a shortcut to the asymptote is wrong in digits that float64 still has."""
    assert share(op, lambda c: bool(((primal(c) > 20) & (primal(c) < 37)).any())) > 0.04
    assert share(op, lambda c: bool(((primal(c) < -20) & (primal(c) > -37)).any())) > 0.03


def test_cotangents_are_graded_over_decades() -> None:
    def graded(case: Case) -> bool:
        sizes = np.abs(case.cotangents[0][asked(case)])
        return sizes.size > 1 and bool(sizes.max() / sizes.min() > 1e5)

    assert share("exp", graded) > 0.1


def test_some_arrays_and_matrices_are_larger_than_the_blocks_that_formulas_change_at() -> None:
    assert share("sum", lambda c: primal(c).size > 128) > 0.02
    assert share("linalg.det", lambda c: primal(c).shape[-1] > 8) > 0.05


def inner_outputs() -> Iterator[bool]:
    for case in drawn("graph", 400):
        read = {o for node in case.graph.nodes for o in node.operands}
        yield bool(read & set(case.graph.outputs))


def test_outputs_of_graphs_are_used_further_in_a_tenth_of_them() -> None:
    assert sum(inner_outputs()) / 400 > 0.1


def test_an_output_twice_and_an_input_as_output_are_drawn() -> None:
    graphs = [case.graph for case in drawn("graph", 400)]
    assert sum(len(set(g.outputs)) < len(g.outputs) for g in graphs) / 400 > 0.04
    assert sum(min(g.outputs) < len(g.leaves) for g in graphs) / 400 > 0.04


def test_a_computed_value_never_meets_a_jump_unguarded() -> None:
    """Half a percent of all graphs had no verdict, for sign of a computed value within rounding of 0."""
    for case in drawn("graph", 800):
        makers = {value: node.op for value, node in case.graph.numbered()}
        for node in case.graph.nodes:
            if node.op == "sign":
                (operand,) = node.operands
                assert makers.get(operand, "nn.softplus") in ("nn.softplus", "negative")


def test_float32_keeps_clear_of_the_ends_of_domains() -> None:
    """At the ends themselves the slope is infinite, and that is asked; between them and the gap nothing is drawn."""
    gap = ROOMS["float32"].gap / 2
    for op, inside in (
        ("acosh", lambda x: (x == 1) | (x > 1 + gap)),
        ("acos", lambda x: (abs(x) == 1) | (abs(x) < 1 - gap)),
        ("atanh", lambda x: abs(x) < 1 - gap),
    ):
        for case in drawn(op, 100, "float32"):
            assert inside(primal(case)).all()


@pytest.mark.parametrize("op", OPS)
def test_a_case_has_a_primal_and_a_cotangent_of_its_outputs_shape(op: str) -> None:
    for case in drawn(op, 30):
        assert case.graph.primals
        assert all(c.dtype == case.graph.dtype for c in case.cotangents)


def test_every_byte_string_is_a_case() -> None:
    from gradproof.specs import build

    for data in (b"", b"\0" * 300, b"\xff" * 300, bytes(range(256))):
        for op in OPS:
            assert build.single(op, data).graph.nodes
        assert build.graph(data, OPS).graph.nodes
        assert build.graph(data, ("linalg.cholesky",)).graph.nodes


def test_a_computed_zero_never_meets_an_infinite_slope() -> None:
    """sqrt of |x| at 0 has no verdict, and its infinity times a masked weight is NaN in every framework."""
    for case in drawn("graph", 800):
        makers = {value: node.op for value, node in case.graph.numbered()}
        for node in case.graph.nodes:
            if node.op == "sqrt":
                (operand,) = node.operands
                assert makers.get(operand, "exp") in ("nn.softplus", "nn.sigmoid", "exp")


def test_axes_are_stretched_in_front_and_inside_at_once() -> None:
    def both(case: Case) -> bool:
        shapes = sorted((primal(case).shape, primal(case, 1).shape), key=len)
        small, out = shapes[0], case.cotangents[0].shape
        behind = out[len(out) - len(small) :]
        return len(small) < len(out) and any(n == 1 < m for n, m in zip(small, behind, strict=True))

    assert share("add", both) > 0.005


def test_lengths_of_extreme_sizes_are_drawn() -> None:
    for low, high in ((1e155, np.inf), (1e-200, 1e-150)):
        assert share("linalg.vector_norm", lambda c, a=low, b=high: _between(c, a, b)) > 0.01  # type: ignore[misc]


def _between(case: Case, low: float, high: float) -> bool:
    """Whether the entries that are not 0 all have a size in a range, and there are some."""
    sizes = np.abs(primal(case))
    return bool(((sizes == 0) | ((sizes > low) & (sizes < high))).all() and sizes.any())


def param(case: Case, name: str) -> object:
    return case.graph.nodes[0].params[name]


def shapes(case: Case) -> list[tuple[int, ...]]:
    return [case.graph.leaves[o].data.shape for o in case.graph.nodes[0].operands]


def subscripts(case: Case) -> str:
    return str(param(case, "subscripts"))


@pytest.mark.parametrize(
    ("op", "fact"),
    [
        ("tan", lambda c: (np.abs(np.tan(primal(c))) > 1e4).any()),  # a slope capped beside a pole
        ("exp", lambda c: (primal(c) < -46).any()),  # flushed to zero too early
        ("pow", lambda c: (primal(c) < 0).any() and (primal(c, 1) < 0).any()),
        ("var", lambda c: param(c, "correction") == 2),  # a correction read as a boolean
        ("std", lambda c: param(c, "correction") == 0.5),
        ("linalg.vector_norm", lambda c: param(c, "ord") == 3),
        ("sum", lambda c: primal(c).ndim == 5),
        ("mean", lambda c: primal(c).ndim == 4 and primal(c).shape[1] == primal(c).shape[2]),
        ("linalg.diagonal", lambda c: abs(param(c, "offset")) == 2),  # type: ignore[arg-type]
        ("concat", lambda c: len(c.graph.nodes[0].operands) == 4),
        ("getitem", lambda c: any(isinstance(k, tuple) and k and isinstance(k[0], bool) for k in param(c, "key"))),  # type: ignore[attr-defined]
        ("getitem", lambda c: [type(k) for k in param(c, "key")] == [tuple, slice, tuple]),  # type: ignore[attr-defined]
        ("matmul", lambda c: len(shapes(c)[0]) == 3 and shapes(c)[0][0] == 1 < shapes(c)[1][0]),
        ("tensordot", lambda c: param(c, "axes") == ((-2, -1), (2, 0))),
        ("einsum", lambda c: "->" not in subscripts(c)),
        ("einsum", lambda c: len(shapes(c)) == 4),
        ("einsum", lambda c: any(9 in shape for shape in shapes(c))),
        ("einsum", lambda c: any(len(set(t)) < len(t) for t in subscripts(c).split("->")[0].split(",")[1:])),
        ("linalg.solve", lambda c: len(shapes(c)[1]) > len(shapes(c)[0])),  # one matrix for a stack of right sides
        ("linalg.solve", lambda c: not np.tril(primal(c), -1).any() and bool(np.triu(primal(c), 1).any())),
        ("nn.conv2d", lambda c: shapes(c)[0][1] == 3),
        ("nn.conv2d", lambda c: shapes(c)[0][0] == 3),
        ("nn.layer_norm", lambda c: param(c, "eps") == 2.0**-40),
        ("nn.scaled_dot_product_attention", lambda c: param(c, "scale") is None),
        ("nn.scaled_dot_product_attention", lambda c: shapes(c)[1][-2] > 4),
    ],
)
def test_what_unseen_faults_asked_for_is_drawn_within_the_cases_that_a_mutant_is_shown(op: str, fact: Callable[[Case], bool]) -> None:
    assert share(op, lambda c: bool(fact(c))) > 1 / Budget().cases


def test_matrices_are_met_in_another_memory_order() -> None:
    """A rule that reads a transposed operand as it lies in memory is right on the leaves, which lie row by row."""
    graphs = [c.graph for c in drawn("graph", 400)]
    turned = sum(any(n.op == "matrix_transpose" for n in g.nodes) for g in graphs)
    assert turned / 400 > 0.1


def params(case: Case) -> dict[str, object]:
    return dict(case.graph.nodes[0].params)


def repeats(case: Case) -> bool:
    arrays = [part for part in params(case)["key"] if isinstance(part, tuple)]  # type: ignore[attr-defined]
    return any(len(set(part)) < len(part) for part in arrays)


def nearly_tied(x: Array) -> bool:
    ordered = np.sort(x, axis=None)
    gaps = np.diff(ordered)[ordered[1:] > 1e-3]
    return bool(np.any((gaps > 0) & (gaps < 1e-5)))


@pytest.mark.parametrize(
    ("op", "fact"),
    [
        ("nn.conv2d", lambda case: 1 < params(case)["groups"] < primal(case, 1).shape[0]),
        ("nn.scaled_dot_product_attention", lambda case: params(case)["causal"] and primal(case).shape[-2] != primal(case, 1).shape[-2]),
        ("permute_dims", lambda case: min(params(case)["axes"], default=0) < 0),
        ("linear_recurrence", lambda case: params(case)["reverse"]),
        ("at_add", repeats),
        ("max", lambda case: nearly_tied(primal(case))),
        ("rsqrt", lambda case: bool(np.any(primal(case) > 1e103))),
        ("erfinv", lambda case: bool(np.any(np.abs(primal(case)) > 1 - 1e-8))),
        ("nn.gaussian_nll", lambda case: bool(np.any(primal(case, 2) < params(case)["eps"]))),
        ("logsumexp", lambda case: bool(np.any(np.isneginf(primal(case))))),
    ],
)
def test_inputs_that_the_second_blind_list_asked_for_are_drawn(op: str, fact: Callable[[Case], bool]) -> None:
    assert share(op, fact) > 0
