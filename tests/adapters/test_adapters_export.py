"""A case exports to a script that needs no gradproof and prints the engine's gradients bit for bit."""

import subprocess
import sys
from operator import attrgetter

import numpy as np
import pytest

from gradproof.oracles import registry
from gradproof.oracles.catalogue import CATALOGUE, op
from gradproof.oracles.errors import EngineError, Unsupported
from gradproof.oracles.export import to_script
from gradproof.oracles.graph import Case, Graph, Leaf, Node, evaluate

KEY = (slice(None, None, -1), (0, 0, 2), None)


def case(dtype):
    x = np.linspace(0.1, 2.3, 20).astype(dtype).reshape(4, 5)[:, ::-2]
    leaves = (Leaf(x), Leaf(np.array([0, -1, 1]), True), Leaf(np.array(2.5, dtype)), Leaf(np.ones(2, dtype)))
    nodes = (
        Node("exp", (0,)),
        Node("take", (4, 1), {"axis": -1}),
        Node("getitem", (5,), {"key": KEY}),
        Node("std", (6,), {"axis": (0, -1), "correction": 1, "keepdims": True}),
        Node("concat", (7, 6), {"axis": 0}),
        Node("nn.softmax", (8,), {"axis": 1}),
        Node("einsum", (9, 9), {"subscripts": "ijk,ljk->il"}),
        Node("linalg.vector_norm", (10,), {"axis": None, "keepdims": False, "ord": float("inf")}),
        Node("xlogy", (11, 2)),
        Node("sum", (5,), {"axis": None, "keepdims": False}),
    )
    graph = Graph(leaves, nodes, (12, 13, 0))
    cotangents = (np.array(1.25, dtype), np.array(-1e-3, dtype), (x / 3).astype(dtype))
    return Case(graph, cotangents, {"verdict": "WRONG", "text": 'a """ and a \\ in it'})


def printed(script, path):
    path.write_text(script)
    run = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True, check=True)
    assert not run.stderr
    lines = dict(line.split(": ", 1) for line in run.stdout.splitlines() if ": " in line)
    return {key: eval(value.partition(") ")[2], {"nan": np.nan, "inf": np.inf}) for key, value in lines.items()}


def gradients(engine, case):
    graph = case.graph
    leaves = [engine.from_numpy(leaf.data) for leaf in graph.leaves]

    def fn(*primals):
        values = list(leaves)
        for i, x in zip(graph.primals, primals, strict=True):
            values[i] = x
        out = evaluate(graph, lambda n, xs: op(n.op).apply(attrgetter(n.op)(engine.namespace), xs, n.params), values)
        return tuple(out[o] for o in graph.outputs)

    outputs, pullback = engine.vjp(fn, [leaves[i] for i in graph.primals])
    pulled = pullback(tuple(engine.from_numpy(ct) for ct in case.cotangents))
    return [engine.to_numpy(y) for y in outputs], [engine.to_numpy(g) for g in pulled]


@pytest.mark.parametrize("framework", ["torch", "jax"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_script_prints_what_the_engine_gives_bit_for_bit(request, tmp_path, framework, dtype):
    engine = request.getfixturevalue(f"{framework}_engine")
    script = to_script(case(dtype), framework)
    assert not any(line.split()[:1] in (["import"], ["from"]) and "gradproof" in line for line in script.splitlines())
    found = printed(script, tmp_path / "report.py")
    outputs, expected = gradients(engine, case(dtype))
    for i, y in enumerate(outputs):
        assert found[f"output {i}"] == y.tolist()
    for name, gradient in zip(("v0", "v2", "v3"), expected, strict=True):
        assert found[f"gradient of {name}"] == gradient.tolist()


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_every_op_of_the_catalogue_has_a_script_that_compiles(framework, absent):
    for name in CATALOGUE.keys() - absent[framework]:
        graph = Graph(
            (Leaf(np.ones(2)),), (Node(name, (0,), {"subscripts": "i->i"} if name == "einsum" else {}),), (1,)
        )
        compile(to_script(Case(graph, (np.ones(2),)), framework), name, "exec")


def test_what_has_no_script_is_said():
    graph = Graph((Leaf(np.ones(2)),), (Node("nowhere", (0,)),), (1,))
    with pytest.raises(Unsupported, match="torch has no 'nowhere'"):
        to_script(Case(graph, (np.ones(2),)), "torch")
    with pytest.raises(EngineError, match="there are scripts for torch, jax"):
        to_script(Case(graph, (np.ones(2),)), "tensorflow")


def test_a_script_is_made_where_no_framework_is_installed():
    assert "torch" in registry.names()
    code = (
        "import sys; sys.modules['torch'] = None; import numpy as np; from gradproof.oracles.export import to_script;"
        "from gradproof.oracles.graph import *;"
        "g = Graph((Leaf(np.ones(2)),), (Node('nn.gelu', (0,), {'approximate': 'tanh'}),), (1,));"
        "print(to_script(Case(g, (np.ones(2),)), 'torch'))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "return F.gelu(x, approximate=approximate)" in run.stdout
    assert "import torch.nn.functional as F" in run.stdout
