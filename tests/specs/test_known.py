"""Known differences: what is declared is matched by its condition, so a new fault of the same kind in the same op shows."""

from __future__ import annotations

import copy
import math
import random
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradproof.oracles.blame import blame
from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import GraphError
from gradproof.oracles.finding import Verdict, Worst
from gradproof.oracles.formats import FORMATS
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.verdict import Kind
from gradproof.specs import build, test_corpus
from gradproof.specs.condition import LIMITS, MEASURES, Site, check, holds
from gradproof.specs.known import CORPUS, Known, corpus, reason

DEVIATION = {"correction": 0, "axis": None, "keepdims": False}


class Bent:
    """The functions of a namespace, some of them replaced."""

    def __init__(self, namespace: Any, **functions: Any) -> None:
        self.__dict__.update(functions)
        self.namespace = namespace

    def __getattr__(self, name: str) -> Any:
        return getattr(self.namespace, name)


def torch_with(**functions: Any) -> Engine:
    """PyTorch with some of its functions replaced."""
    engine = copy.copy(by_name("torch"))
    engine.namespace = Bent(engine.namespace, **functions)
    return engine


def nonsense(x: Any, axis: Any, correction: int, keepdims: bool) -> Any:
    return 3 * x.sum(dim=axis, keepdim=keepdims) + 7.5


def failures(case: Case, engine: Engine) -> list[Verdict]:
    """Each failing finding of a case as a verdict of its own, blamed."""
    verdict = judge(case, engine)
    failing = [f for f in verdict.findings if f.kind.fails]
    return [blame(replace(verdict, kind=f.kind, findings=(f,)), engine) for f in failing]


def of(*nodes: Node, values: Any) -> Case:
    leaf = Leaf(np.array(values))
    return Case(Graph((leaf,), nodes, (len(nodes),)), (np.array(1.0),))


def saved(name: str) -> Known:
    return next(k for k in corpus() if k.name == name)


def test_a_nonsense_deviation_of_torch_is_no_known_difference() -> None:
    """Deviations whose squares leave the range are declared; 3 sum(x) + 7.5 is not among them, wherever it is met."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    engine = torch_with(std=nonsense)
    spec = []
    for i in range(100):
        case = build.single("std", random.Random(i).randbytes(build.SINGLE_BYTES), "float64")
        spec += [v for v in failures(case, engine) if v.kind is Kind.SPEC]
    assert len(spec) > 80
    assert not [v.report() for v in spec if reason("torch", v)]


def test_a_declared_deviation_is_known_within_a_graph_too() -> None:
    """The blamed node is looked at alone: what the rest of the graph makes of its answer does not matter."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    nodes = Node("std", (0,), DEVIATION), Node("log", (1,))
    (declared,) = failures(of(*nodes, values=[1e-200, 3e-200]), by_name("torch"))
    assert (declared.kind, declared.blame) == (Kind.SPEC, "std")
    assert reason("torch", declared) == saved("torch-std-squares-underflow").reason
    for values in ([1e-200, 3e-200], [1.0, 3.0]):
        (new,) = failures(of(*nodes, values=values), torch_with(std=nonsense))
        assert (new.kind, new.blame, reason("torch", new)) == (Kind.SPEC, "std", "")


def test_a_verdict_on_several_nodes_that_were_not_judged_apart_is_unexpected() -> None:
    case = of(Node("tanh", (0,)), Node("exp", (1,)), values=20.0)
    verdict = Verdict(Kind.LOSSY, "torch", case, saved_findings("torch-tanh-tail"), blame="tanh", blamed_node=1)
    assert reason("torch", verdict) == ""
    assert reason("torch", replace(verdict, case=saved("torch-tanh-tail").case)) != ""


def saved_findings(name: str) -> tuple[Any, ...]:
    known = saved(name)
    return test_corpus.failing(known, known.case, 0.0).findings


def test_a_difference_of_one_engine_is_not_one_of_another() -> None:
    known = saved("torch-tanh-tail")
    verdict = test_corpus.failing(known, known.case, 0.0)
    assert reason("torch", verdict)
    assert not reason("native", verdict)


def test_another_kind_or_property_of_the_same_op_is_unexpected() -> None:
    known = saved("torch-tanh-tail")
    verdict = test_corpus.failing(known, known.case, 0.0)
    (finding,) = verdict.findings
    assert reason("torch", verdict)
    assert not reason("torch", replace(verdict, findings=(replace(finding, property="value"),)))
    assert not reason("torch", replace(verdict, kind=Kind.SPEC, findings=(replace(finding, kind=Kind.SPEC),)))


def test_an_entry_that_no_longer_fails_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that was repaired (here: the native one in its place) makes the replay of its saved graph fail."""
    native = by_name("native")
    monkeypatch.setattr(test_corpus, "installed", lambda name: native)
    for known in (saved("torch-tanh-tail"), saved("torch-det-singular"), saved("jax-sqrt-zero-cotangent")):
        with pytest.raises(AssertionError, match="remove it"):
            test_corpus.test_the_verdict_is_still_the_recorded_one(known)


@pytest.mark.parametrize(
    ("condition", "word"),
    [
        ([], "list of regions"),
        ({"dtypes": ["float64"]}, "list of regions"),
        ([{"operands": []}], "dtypes"),
        ([{"dtypes": ["float64"], "where": []}], "where"),
        ([{"dtypes": ["float64"], "operands": [{"measure": "__import__('os')"}]}], "__import__"),
        ([{"dtypes": ["float64"], "operands": [{"measure": "value", "below": 3}]}], "below"),
        ([{"dtypes": ["float64"], "operands": [{"measure": "value", "at_least": "sqrt_large"}]}], "sqrt_large"),
        ([{"dtypes": ["float64"], "answer": {"was": ["zero"]}}], "was"),
    ],
)
def test_a_condition_with_an_unknown_word_is_refused(condition: Any, word: str) -> None:
    with pytest.raises(GraphError, match=word):
        check(condition, "some.json")


@pytest.mark.parametrize(
    ("measure", "operands", "params", "expected"),
    [
        ("value", [[-2.0, 1.0]], {}, [-2.0, 1.0]),
        ("magnitude", [[-2.0, 1.0]], {}, [2.0, 1.0]),
        ("larger magnitude", [[-2.0, 1.0], [0.5]], {}, [2.0, 1.0]),
        ("length", [[[3e200, 4e200], [0.0, 0.0]]], {"axis": -1}, [5e200, 0.0]),
        ("length", [[[3e-200], [4e-200]]], {"axis": None}, [5e-200]),
        ("length", [[[[3.0], [4.0]], [[0.0], [1.0]]]], {"axis": (1, 2)}, [5.0, 1.0]),
        ("length", [2.0], {"axis": None}, [2.0]),
        ("deviation", [[1e-200, 3e-200]], {"axis": 0, "correction": 0}, [1e-200]),
        ("deviation", [[1e200, 3e200]], {"axis": 0, "correction": 1}, [2**0.5 * 1e200]),
        ("deviation", [[0.1, 0.1]], {"axis": None, "correction": 0}, [0.0]),
        ("deviation", [[2.0]], {"axis": None, "correction": 1}, []),
        ("count", [[[1.0], [2.0]]], {"axis": 0}, [2]),
        ("rows", [[[1.0, 2.0], [3.0, 4.0]]], {}, [2]),
        ("difference", [[-2.0, 1.0], [0.5]], {}, [2.5, 0.5]),
        ("real part", [[[-2.0, 1.0], [3.0, 4.0]]], {}, [2.0, 2.0, 3.0, 3.0]),
        ("axes", [[[1.0, 2.0]]], {}, [2]),
        ("gap of singular values", [[[2.0, 0.0], [0.0, 1.0]]], {}, [0.5]),
        ("gap of singular values", [[[1e200, 0.0], [0.0, 1e200]]], {}, [0.0]),
        ("gap of singular values", [[[2.0]]], {}, []),
        ("ratio of magnitudes", [[[1.0, -8.0], [0.0, 1.0]]], {"axis": 1}, [8.0]),
        ("regularity", [[[1.0, 2.0], [2.0, 4.0]]], {}, [0.0]),
        ("regularity", [[[2e200, 0.0], [0.0, 1e200]]], {}, [0.5]),
        ("regularity", [[[0.0, 0.0], [0.0, 0.0]]], {}, [0.0]),
        ("log10 of product", [[1e-160, 1e-160, 100.0]], {"axis": None}, [-318.0]),
        ("log10 of dot with cotangent", [[[1e20, 0.0]] * 5], {}, [30.0 + math.log10(2)]),
        ("log10 with cotangent", [[1e20, 0.0]], {}, [30.0, math.nan]),
    ],
)
def test_a_measure_sees_what_its_name_says(
    measure: str, operands: Any, params: dict[str, Any], expected: list[float]
) -> None:
    arrays = tuple(np.array(o, dtype=float) for o in operands)
    found = MEASURES[measure](Site(arrays, params, np.full(arrays[0].shape, 1e10)), 0)
    np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-12, atol=1e-15)


def test_of_an_elementwise_op_the_worst_entry_counts_and_no_other() -> None:
    known = saved("torch-tanh-tail")
    verdict = test_corpus.failing(known, replace(known.case, graph=of(Node("tanh", (0,)), values=[0.5, 20.0]).graph), 0.0)
    (finding,) = verdict.findings
    told = []
    for i in range(2):
        there = replace(finding, worst=Worst(0, (i,), 0.0, 0.5, 0.0, 1e-16))
        told.append(bool(reason("torch", replace(verdict, findings=(there,)))))
    assert told == [False, True]


@pytest.mark.parametrize(
    ("answer", "got", "expected", "accepted"),
    [
        ({"is": ["zero", "nan"]}, 0.0, 1.0, True),
        ({"is": ["zero", "nan"]}, math.nan, 1.0, True),
        ({"is": ["zero", "nan"]}, -math.inf, 1.0, False),
        ({"is": ["inf"]}, -math.inf, 1.0, True),
        ({"is": ["inf"]}, 1e-9, 0.0, False),
        ({"error_at_most": 1e-30}, 0.0, 1e-31, True),
        ({"error_at_most": 1e-30}, 0.0, 1e-29, False),
        ({"relative_error_at_most": 2.0}, -1e-160, 1e-160, True),
        ({"relative_error_at_most": 2.0}, 7.5, 1e-160, False),
        ({"relative_error_at_most": 2.0}, math.nan, 1.0, False),
        ({"bounds_at_most": 100.0}, 1 + 99e-16, 1.0, True),
        ({"bounds_at_most": 100.0}, 1 + 102e-16, 1.0, False),
    ],
)
def test_an_answer_may_be_as_far_off_as_its_condition_says(
    answer: dict[str, Any], got: float, expected: float, accepted: bool
) -> None:
    worst = Worst(0, (0,), got, expected, 0.0, 1e-16)
    where = Site((np.array([2.0]),), {}, np.array([1.0]))
    assert holds([{"dtypes": ["float64"], "answer": answer}], where, worst, "float64") is accepted
    assert not holds([{"dtypes": ["float64"], "answer": answer}], where, None, "float64")


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_a_named_limit_follows_from_the_range_of_the_dtype(dtype: str) -> None:
    """A square overflows above ``sqrt_largest`` and not below; it is subnormal below ``sqrt_smallest`` and not above."""
    largest, smallest = FORMATS[dtype].largest, FORMATS[dtype].eta
    limit = {name: of(FORMATS[dtype]) for name, of in LIMITS.items()}
    assert math.sqrt(largest) * 0.99 < limit["sqrt_largest"] < math.sqrt(largest) * 1.01
    assert limit["sqrt_smallest"] ** 2 == pytest.approx(smallest)
    assert 1 / limit["reciprocal_square"] ** 2 == pytest.approx(smallest)
    assert 1 / limit["reciprocal_squares"] ** 2 / 2 == pytest.approx(smallest)
    assert limit["log10_largest"] == pytest.approx(math.log10(largest))
    condition = [{"dtypes": [dtype], "operands": [{"measure": "value", "at_least": "sqrt_largest"}]}]
    for x, met in ((1.02, True), (0.98, False)):
        where = Site((np.array([x * limit["sqrt_largest"]]),), {}, np.array([1.0]))
        assert holds(condition, where, None, dtype) is met


@pytest.mark.parametrize(
    ("leaf", "index", "met"), [(0, (0,), False), (0, (1,), True), (1, (), True), (5, (0,), False), (5, (1,), True)]
)
def test_of_two_operands_the_entries_count_that_the_worst_answer_depends_on(leaf: int, index: Any, met: bool) -> None:
    """[1, 1e200] against the number 2: by the first entry of the vector nothing is extreme, by the number one is."""
    condition = [{"dtypes": ["float64"], "operands": [{"measure": "larger magnitude", "at_least": 1e100}]}]
    where = Site((np.array([1.0, 1e200]), np.array(2.0)), {}, np.array([1.0, 1.0]), (0, 1))
    assert holds(condition, where, Worst(leaf, index, 0.0, 0.5, 0.0, 1e-16), "float64") is met


def test_a_known_difference_covers_the_properties_that_it_names_and_no_other() -> None:
    known = replace(saved("torch-tanh-tail"), also=("*forward over *",))
    assert known.covers(Kind.LOSSY, "gradient")
    assert known.covers(Kind.LOSSY, "vmap of forward over reverse")
    assert not known.covers(Kind.LOSSY, "reverse over reverse")
    assert not known.covers(Kind.WRONG, "gradient")


def test_a_threshold_that_is_not_given_for_a_dtype_is_never_met() -> None:
    condition = [{"dtypes": ["float64", "float32"], "operands": [{"measure": "value", "at_least": {"float64": 1.0}}]}]
    where = Site((np.array([2.0]),), {}, np.array([1.0]))
    assert holds(condition, where, None, "float64")
    assert not holds(condition, where, None, "float32")


def test_a_known_defect_still_fails_its_replay_and_a_declared_difference_does_not() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    for name, word, code in (("torch-det-singular", "known: ", 1), ("torch-tanh-tail", "declared: ", 0)):
        command = [sys.executable, "-m", "gradproof", "replay", str(CORPUS / f"{name}.json")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert word + saved(name).reason in " ".join(done.stdout.split())


def test_without_ml_dtypes_the_other_saved_graphs_are_there() -> None:
    said = (
        "import sys; sys.modules['ml_dtypes'] = None; from gradproof.specs.known import corpus; "
        "print(len(corpus()), any(k.case.graph.dtype.name == 'bfloat16' for k in corpus()))"
    )
    found = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout.split()
    assert found == [str(sum(k.case.graph.dtype.name != "bfloat16" for k in corpus())), "False"]
