"""Drawings: well-formed XML, hostile names escaped, boxes apart, the blamed node marked."""

import random
from itertools import combinations, pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from gradproof.oracles.draw import NODES_MAX, draw
from gradproof.oracles.graph import Graph, Leaf, Node

SVG = "{http://www.w3.org/2000/svg}"


def random_graph(seed: int, nodes: int) -> Graph:
    rng = random.Random(seed)
    leaves = tuple(Leaf(np.full((rng.randint(1, 3), rng.randint(1, 3)), -1.25)) for _ in range(3))
    made = [
        Node("add", (rng.randrange(max(0, 3 + i - 4), 3 + i), rng.randrange(3 + i)), {"axis": i} if i % 3 else {})
        for i in range(nodes)
    ]
    return Graph(leaves, tuple(made), (2 + nodes,))


def rectangles(svg: str) -> list[tuple[float, float, float, float]]:
    sides = ("x", "y", "width", "height")
    found = [
        [float(rect.get(side, "nan")) for side in sides] for rect in ElementTree.fromstring(svg).iter(f"{SVG}rect")
    ]
    return [(x, y, x + width, y + height) for x, y, width, height in found]


@pytest.mark.parametrize("seed", range(20))
def test_boxes_of_random_graphs_never_overlap_and_stay_inside_the_picture(seed: int) -> None:
    graph = random_graph(seed, 2 + seed)
    svg = draw(graph, cotangents={len(graph.leaves): np.ones((2, 2))})
    root = ElementTree.fromstring(svg)
    boxes = rectangles(svg)
    assert len(boxes) == len(graph.leaves) + len(graph.nodes)
    for a, b in combinations(boxes, 2):
        assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]
    for x0, y0, x1, y1 in boxes:
        assert x0 >= 0
        assert y0 >= 0
        assert x1 <= float(root.get("width", "0"))
        assert y1 <= float(root.get("height", "0"))


@pytest.mark.parametrize("seed", range(5))
def test_lines_of_text_lie_inside_their_box_and_apart(seed: int) -> None:
    root = ElementTree.fromstring(draw(random_graph(seed, 9), highlight=5))
    for group in root.iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        assert rect is not None
        top, height = float(rect.get("y", "0")), float(rect.get("height", "0"))
        baselines = [float(text.get("y", "0")) for text in group.iter(f"{SVG}text")]
        assert top + 9 <= min(baselines)
        assert max(baselines) + 3 <= top + height
        assert all(below - above >= 14 for above, below in pairwise(baselines))
        longest = max(len("".join(text.itertext())) for text in group.iter(f"{SVG}text"))
        assert longest * 7.23 + 9 <= float(rect.get("width", "0"))  # 0.6023 em is DejaVu Sans Mono's advance


def test_a_hostile_op_name_and_parameter_are_escaped() -> None:
    hostile = '</text><script>alert(1)</script>&\x00\ud800"'
    svg = draw(Graph((Leaf(np.array(1.0)),), (Node(hostile, (0,), {"mode": hostile}),), (1,)))
    root = ElementTree.fromstring(svg)
    assert root.find(f".//{SVG}script") is None
    assert "<script" not in svg


def test_the_blamed_node_is_marked_in_words_and_by_class() -> None:
    graph = random_graph(0, 3)
    root = ElementTree.fromstring(draw(graph, highlight=4))
    bad = [g for g in root.iter(f"{SVG}g") if "bad" in g.findall(f"{SVG}rect")[0].get("class", "")]
    assert len(bad) == 1
    words = "".join(bad[0].itertext())
    assert "BLAMED" in words
    assert "%4" in words


def test_values_and_cotangents_are_printed_and_large_arrays_only_by_their_range() -> None:
    graph = Graph((Leaf(np.linspace(-1.0, 2.0, 40)),), (Node("exp", (0,)),), (1,))
    text = "".join(
        ElementTree.fromstring(draw(graph, {1: np.array([0.5, np.nan])}, {1: np.array([3.0, 4.0])})).itertext()
    )
    assert "-1 … 2" in text
    assert "[0.5, nan]" in text
    assert "ct [3, 4]" in text


def test_constants_slices_and_empty_arrays_are_drawn() -> None:
    leaves = (Leaf(np.zeros((0, 3))), Leaf(np.array([1, 2]), constant=True))
    node = Node("getitem", (0,), {"key": (slice(None, 2), None, Ellipsis, (1, -1))})
    text = "".join(ElementTree.fromstring(draw(Graph(leaves, (node,), (2,)))).itertext())
    assert "empty" in text
    assert "constant" in text
    assert "key=(:2, None, ..., (1, -1))" in text


def test_a_graph_too_large_to_draw_says_so() -> None:
    nodes = tuple(Node("exp", (i,)) for i in range(NODES_MAX + 1))
    svg = draw(Graph((Leaf(np.array(1.0)),), nodes, (NODES_MAX + 1,)))
    assert "too many to draw" in "".join(ElementTree.fromstring(svg).itertext())


def test_an_empty_graph_is_drawn() -> None:
    assert "an empty graph" in draw(Graph((), (), ()))
