"""Graph files: bit for bit there and back; what is damaged or newer says so in one line."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.codec import encode_param, from_json, load, pretty, save, to_json
from gradproof.oracles.decode import decode_param
from gradproof.oracles.errors import GraphError
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.specs import build


def same(a: Case, b: Case) -> bool:
    def bits(case: Case) -> Any:
        arrays = [*(leaf.data for leaf in case.graph.leaves), *case.cotangents]
        return [(x.dtype, x.shape, x.tobytes()) for x in arrays], [leaf.constant for leaf in case.graph.leaves]

    return bits(a) == bits(b) and a.graph.nodes == b.graph.nodes and a.graph.outputs == b.graph.outputs


def plain(*values: float, dtype: Any = np.float64) -> Case:
    x = np.array(values, dtype)
    return Case(Graph((Leaf(x),), (Node("exp", (0,)),), (1,)), (np.ones_like(x),))


def through(case: Case, path: Path) -> Case:
    save(case, path / "g.json")
    return load(path / "g.json")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_op_comes_back_bit_for_bit(dtype: str, tmp_path: Path) -> None:
    rnd = random.Random(0)
    for name in CATALOGUE:
        for _ in range(3):
            case = build.single(name, rnd.randbytes(build.SINGLE_BYTES), dtype)
            assert same(case, through(case, tmp_path)), name


def test_graphs_come_back_bit_for_bit(tmp_path: Path) -> None:
    rnd = random.Random(0)
    for _ in range(40):
        case = build.graph(rnd.randbytes(build.GRAPH_BYTES), tuple(CATALOGUE))
        assert same(case, through(case, tmp_path))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_awkward_values_come_back_bit_for_bit(dtype: Any, tmp_path: Path) -> None:
    info = np.finfo(dtype)
    case = plain(np.nan, np.inf, -np.inf, 0.0, -0.0, info.smallest_subnormal, -info.smallest_subnormal * 3, info.tiny,
                 info.max, 0.1, 1 / 3, dtype=dtype)  # fmt: skip
    assert same(case, through(case, tmp_path))
    assert np.signbit(through(case, tmp_path).graph.leaves[0].data[4])


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (0, 3), (1,)])
def test_0d_and_empty_arrays_keep_their_shape(shape: tuple[int, ...], tmp_path: Path) -> None:
    x = np.zeros(shape, np.float32)
    case = Case(Graph((Leaf(x),), (Node("exp", (0,)),), (1,)), (x,))
    assert same(case, through(case, tmp_path))


@pytest.mark.parametrize("param", [
    None, True, False, 0, -3, 0.25, 1e-320, float("inf"), "none", slice(None), slice(-2, None, -1), slice(0, 0), Ellipsis,
    (), (1, -1), ((1, 2), (0, 3)), (slice(1, None), Ellipsis, None, ((0,), (-1,)), 2), ((0, -1), slice(None, None, 2)),
])  # fmt: skip
def test_a_parameter_comes_back_as_it_was(param: Any) -> None:
    back = decode_param(json.loads(json.dumps(encode_param(param))))
    assert back == param
    assert type(back) is type(param)


def test_a_nan_parameter_stays_nan() -> None:
    back = decode_param(json.loads(json.dumps(encode_param(float("nan")))))
    assert isinstance(back, float)
    assert back != back  # noqa: PLR0124


def test_what_is_no_parameter_is_refused() -> None:
    with pytest.raises(GraphError, match="ndarray"):
        encode_param(np.zeros(2))  # type: ignore[arg-type]


def test_values_in_a_file_are_hex_floats(tmp_path: Path) -> None:
    save(plain(0.1), tmp_path / "g.json")
    assert (0.1).hex() in (tmp_path / "g.json").read_text()


def test_the_note_travels_along(tmp_path: Path) -> None:
    case = plain(1.0)
    noted = Case(case.graph, case.cotangents, {"engine": "native", "seed": 7})
    assert through(noted, tmp_path).note == {"engine": "native", "seed": 7}


def damaged(**changes: Any) -> Any:
    item = to_json(plain(1.0, 2.0))
    for key, value in changes.items():
        if value is KeyError:
            del item[key]
        else:
            item[key] = value
    return json.loads(json.dumps(item))


LEAF = {"dtype": "float64", "shape": [1], "data": ["0x1p+0"], "constant": False}
NODE = {"op": "exp", "operands": [0], "params": {}, "results": 1}


@pytest.mark.parametrize("item", [
    {}, [], None, 7, "graph", {"gradproof": "record"}, damaged(gradproof="other"), damaged(leaves=KeyError),
    damaged(nodes=KeyError), damaged(outputs=KeyError), damaged(cotangents=KeyError), damaged(cotangents=[]),
    damaged(leaves=[{}]), damaged(leaves=[{**LEAF, "dtype": "float6"}]), damaged(leaves=[{**LEAF, "shape": [3]}]),
    damaged(leaves=[{**LEAF, "data": ["0xzz"]}]), damaged(leaves=[{**LEAF, "dtype": "int64"}]), damaged(leaves=None),
    damaged(nodes=[{**NODE, "op": "expp"}]), damaged(nodes=[{**NODE, "operands": [5]}]),
    damaged(nodes=[{**NODE, "params": {"a": {"what": 1}}}]), damaged(nodes=[{**NODE, "operands": None}]), damaged(nodes=[3]),
    damaged(outputs=[9]), damaged(outputs=None), damaged(version=None), damaged(version="1"),
])  # fmt: skip
def test_a_damaged_file_says_so(item: Any) -> None:
    with pytest.raises(GraphError) as error:
        from_json(item, "case.json")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("version", [2, 99])
def test_a_newer_file_asks_for_a_newer_gradproof(version: int) -> None:
    with pytest.raises(GraphError, match=f"case.json has graph version {version}.*Upgrade gradproof"):
        from_json(damaged(version=version), "case.json")


def test_a_file_that_is_cut_off_binary_or_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    save(plain(1.0), path)
    path.write_text(path.read_text()[:-20])
    with pytest.raises(GraphError, match=r"g\.json is damaged: not JSON"):
        load(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GraphError, match=r"cannot read .*g\.json"):
        load(path)
    with pytest.raises(GraphError, match=r"cannot read .*none\.json"):
        load(tmp_path / "none.json")


def test_the_pretty_print_shows_keys_as_python_does() -> None:
    x = Leaf(np.arange(6.0).reshape(2, 3))
    key = (slice(1, None), Ellipsis, None, (0, -1))
    graph = Graph(
        (x, Leaf(np.array([1, 0]), constant=True)),
        (Node("getitem", (0,), {"key": key}), Node("take", (0, 1), {"axis": 1})),
        (2, 3),
    )
    text = pretty(Case(graph, (np.ones((1, 1, 2)), np.zeros((2, 2)))))
    assert text.splitlines() == [
        "%0 = leaf([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]) : f64[2, 3]",
        "%1 = constant([1, 0]) : int64[2]",
        "%2 = getitem(%0, key=(1:, ..., None, (0, -1)))",
        "%3 = take(%0, %1, axis=1)",
        "output %2, cotangent [[[1.0, 1.0]]]",
        "output %3, cotangent [[0.0, 0.0], [0.0, 0.0]]",
    ]


def test_the_pretty_print_of_a_large_array_leaves_its_values_out() -> None:
    x = np.zeros((9, 9))
    text = pretty(Case(Graph((Leaf(x),), (Node("exp", (0,)),), (1,)), (x,)))
    assert "leaf() : f64[9, 9]" in text
    assert "cotangent of shape [9, 9]" in text
