"""A graph file damaged in any way is refused in one line, or still is a case that can be judged."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof.cli import main
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.codec import from_json, load, to_json
from gradproof.oracles.errors import GraphError
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.registry import engine
from gradproof.specs import build
from gradproof.specs.known import CORPUS

DAMAGES = 600
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 7, 300, -(10**6), 2**31, 2**63, 10**400, 0.5, -2.5, 1e308, float("nan"), float("inf"),
    "", "x", "0x1p+0", "0x1p+5000", "nan", "-inf", "float64", "float32", "int64", "uint8", "bool", "complex128", "exp",
    "matmul", "nn.softmax", "no.such", [], [0], [1, 2], [[0], [1]], [2**40], [-1], {}, {"float": "0x1p-3"}, {"float": 3},
    {"slice": [0, None, 2]}, {"slice": [0, None, 0]}, {"slice": [1]}, {"slice": "abc"}, {"ellipsis": True}, {"what": 1},
)  # fmt: skip


def originals() -> list[dict[str, Any]]:
    """Files to be damaged: some of the corpus, and cases of ops with parameters, indices and booleans."""
    rnd = random.Random(3)
    files = [json.loads(p.read_text()) for p in sorted(CORPUS.glob("*.json"))[::6]]
    ops = ["getitem", "take", "where", "pad", "tile", "concat", "einsum", "nn.conv2d", "nn.cross_entropy", "clip", "std"]
    files += [to_json(build.single(name, rnd.randbytes(build.SINGLE_BYTES))) for name in ops for _ in range(2)]
    files += [to_json(build.graph(rnd.randbytes(build.GRAPH_BYTES), tuple(CATALOGUE))) for _ in range(4)]
    return files


def places(item: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a JSON object."""
    children = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
    for key, value in children:
        yield (*path, key)
        yield from places(value, (*path, key))


def inside(item: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        item = item[key]
    return item


def damage(item: dict[str, Any], rnd: random.Random) -> dict[str, Any]:
    """One or two changes: a field deleted, replaced, doubled or renamed, a number moved, two values swapped."""
    item = copy.deepcopy(item)
    for _ in range(rnd.choice((1, 1, 1, 2))):
        every = [path for path in places(item) if path[0] != "note"]
        parts = [path for path in every if "data" not in path]  # a file is mostly data, where damage is always alike
        path = rnd.choice(parts if rnd.randrange(4) else every)
        parent, key = inside(item, path[:-1]), path[-1]
        kind = rnd.randrange(6)
        if kind == 0:
            del parent[key]
        elif kind == 1 and type(parent[key]) is int:
            parent[key] += rnd.choice((-1, 1, -2, 5, 1000))
        elif kind == 2 and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        elif kind == 3 and isinstance(parent, dict):
            parent[rnd.choice(("axis", "op", "x", "data"))] = parent.pop(key)
        elif kind == 4:
            other = rnd.choice(every)
            there = inside(item, other[:-1])
            parent[key] = copy.deepcopy(there[other[-1]])
        else:
            parent[key] = copy.deepcopy(rnd.choice(STRANGE))
    return item


def damaged_files() -> list[Any]:
    rnd, files = random.Random(0), originals()
    return [damage(rnd.choice(files), rnd) for _ in range(DAMAGES)]


def refusal(item: Any) -> str:
    """Why the item is refused, or an empty string if it is a case."""
    try:
        from_json(item, "case.json")
    except GraphError as error:
        return str(error)
    return ""


def test_a_damaged_graph_is_refused_in_one_line_or_can_be_judged() -> None:
    refusals = [(item, refusal(item)) for item in damaged_files()]
    for item, why in refusals:
        if why:
            assert why.startswith("case.json ")
            assert "\n" not in why
            assert len(why) < 700
        else:
            judge(from_json(item), engine("native"))
    assert DAMAGES / 2 < sum(bool(why) for _, why in refusals) < DAMAGES


def test_replay_of_a_damaged_file_exits_2_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, refused = tmp_path / "case.json", 0
    whole = json.dumps(originals()[0])
    texts = [json.dumps(item) for item in damaged_files()[:150]]
    texts += [whole[: len(whole) * k // 20] for k in range(20)]  # cut off
    texts += ["[" * 100_000, '{"gradproof": "graph", "version": ' + "9" * 5000 + "}", '{"gradproof": "\\ud800"}']
    for text in texts:
        path.write_text(text)
        monkeypatch.setattr("sys.argv", ["gradproof", "replay", str(path), "--engine", "native"])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        try:
            load(path)
        except GraphError:
            refused += 1
            assert (ended.value.code, told.out, told.err.count("\n")) == (2, "", 1)
            assert "case.json" in told.err
        else:
            assert ended.value.code in (0, 1)
        assert "Traceback" not in told.err
    assert refused > 100


@pytest.mark.parametrize("engine_named", [None, 7, "x", "x:y", ":", "native ", {"a": 1}, "\n"])
def test_replay_of_a_file_that_names_no_engine_exits_2_with_one_line(
    engine_named: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "case.json").write_text(json.dumps({**originals()[0], "note": {"engine": engine_named}}))
    monkeypatch.setattr("sys.argv", ["gradproof", "replay", str(tmp_path / "case.json")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


X = np.array([1.0, 2.0])
SQUARE = Leaf(np.eye(2))


@pytest.mark.parametrize(
    ("leaves", "node", "cotangent", "says"),
    [
        ([Leaf(X)], Node("matmul", (0,)), X, r"node 0 \(matmul\) has 1 operands.*missing a required argument: 'y'"),
        ([Leaf(X)], Node("sum", (0,)), X, r"missing a required argument: 'axis'"),
        ([Leaf(X)], Node("exp", (0,), {"axis": 0}), X, "unexpected keyword argument 'axis'"),
        ([Leaf(X)], Node("sum", (0,), {"axis": 3, "keepdims": False}), X, "cannot be evaluated at.*AxisError"),
        ([Leaf(X)], Node("sum", (0,), {"axis": 0, "keepdims": "no"}), X, "keepdims = 'no', expected.*bool"),
        ([Leaf(X)], Node("nn.gelu", (0,), {"approximate": "x"}), X, "approximate = 'x', expected.*'none', 'tanh'"),
        ([Leaf(X)], Node("tile", (0,), {"repetitions": (2**30,)}), X, "numbers are too large"),
        ([Leaf(X)], Node("broadcast_to", (0,), {"shape": (2**20, 2)}), X, "cotangent 0 has shape"),
        ([Leaf(X), Leaf(X[:1])], Node("matmul", (0, 1)), X, "cannot be evaluated at .*float64"),
        ([Leaf(X)], Node("exp", (0,), {}, 2), X, "says it has 2 results; the op has 1"),
        ([Leaf(X)], Node("exp", (0,)), X[:1], r"cotangent 0 has shape \(1,\), expected \(2,\) as output %1 has"),
        ([Leaf(X)], Node("exp", (0,)), X.astype("f4"), "cotangent 0 is of dtype float32, expected float64"),
        ([Leaf(X), Leaf(X.astype("f4"))], Node("add", (0, 1)), X, "dtypes float32, float64; expected one"),
        ([Leaf(X), Leaf(X)], Node("take", (0, 1), {"axis": 0}), X, "takes integers or booleans as operand 1"),
        ([Leaf(X), Leaf(np.array([1, 0]), True)], Node("add", (0, 1)), X, "takes floats as operand 1, and %1 is int64"),
        ([SQUARE], Node("linalg.vector_norm", (0,), {"axis": 5, "keepdims": False, "ord": 2}), X[0], "axis 5 is out"),
        ([Leaf(X)], Node("linalg.vector_norm", (0,), {"axis": 0, "keepdims": False, "ord": 7}), X[0], "expected 1, 2, 3 or"),
        ([Leaf(X)], Node("clip", (0,), {"min": 1.0, "max": 0.0}), X, "min=1.0 is above max=0.0"),
    ],
)
def test_what_does_not_fit_is_named_with_what_was_expected(
    leaves: list[Leaf], node: Node, cotangent: Any, says: str
) -> None:
    case = Case(Graph(tuple(leaves), (node,), (len(leaves),)), (np.asarray(cotangent),) * 1)
    with pytest.raises(GraphError, match=says):
        from_json(to_json(case), "case.json")


def test_whole_numbers_are_no_output() -> None:
    case = Case(Graph((Leaf(X), Leaf(np.array([1, 2]), constant=True)), (), (1,)), (X,))
    with pytest.raises(GraphError, match="output %1 is of dtype int64; expected floats"):
        from_json(to_json(case))
