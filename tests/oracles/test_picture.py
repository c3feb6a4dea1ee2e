"""The drawing of a whole backward pass: in a notebook, by the command, and in docs/engine.md, where it is up to date."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from gradproof.oracles import codec
from gradproof.oracles.graph import Case, Graph, Leaf, Node
from gradproof.oracles.picture import picture
from gradproof.specs import worked

DOCS = Path(__file__).parents[2] / "docs"
SAVED = sorted((DOCS / "graphs").glob("*.json"))


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_each_drawing_in_the_docs_is_what_its_graph_draws_now_and_is_shown(path: Path) -> None:
    assert path.with_suffix(".svg").read_text(encoding="utf-8") == picture(codec.load(path))
    assert f"(graphs/{path.stem}.svg)" in (DOCS / "engine.md").read_text(encoding="utf-8")


def test_the_drawings_are_of_the_worked_examples() -> None:
    for name, example in (("sigma-neuron", worked.sigma_neuron()), ("relu-net", worked.net()), ("chain", worked.chain())):
        wanted = codec.to_json(Case(example.graph, (np.array(1.0),)))
        assert codec.to_json(codec.load(DOCS / "graphs" / f"{name}.json")) == wanted


def test_a_case_in_a_notebook_shows_values_and_cotangents_and_a_graph_its_ops() -> None:
    graph = Graph((Leaf(np.array(2.0)),), (Node("sin", (0,)), Node("multiply", (1, 0))), (2,))
    text = re.sub("<[^>]*>", " ", Case(graph, (np.array(1.0),))._repr_html_())
    for shown in ("0.9093", "1.8186", "ct 0.077004", "ct 2", "ct 1"):
        assert shown in text
    assert "multiply" in graph._repr_html_()
    assert 'class="c"' not in graph._repr_html_()  # no cotangent


def test_a_notebook_shows_a_graph_of_an_op_that_is_not_in_the_catalogue() -> None:
    graph = Graph((Leaf(np.array(2.0)),), (Node("myop", (0,)),), (1,))
    assert "myop" in Case(graph, (np.array(1.0),))._repr_html_()
