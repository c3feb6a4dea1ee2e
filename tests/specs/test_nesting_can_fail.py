"""The examples of nested derivatives tell an engine that confuses perturbations from one that does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from gradproof.oracles.engine import Capabilities, nestings
from gradproof.oracles.registry import engine
from gradproof.specs import nesting


@dataclass(frozen=True)
class Dual:
    """A number and its derivative by whatever is being differentiated by: nothing says what."""

    value: Any
    slope: Any

    def __add__(self, other: Any) -> Dual:
        o = lifted(other)
        return Dual(self.value + o.value, self.slope + o.slope)

    def __sub__(self, other: Any) -> Dual:
        o = lifted(other)
        return Dual(self.value - o.value, self.slope - o.slope)

    def __mul__(self, other: Any) -> Dual:
        o = lifted(other)
        return Dual(self.value * o.value, self.slope * o.value + self.value * o.slope)

    def __truediv__(self, other: Any) -> Dual:
        o = lifted(other)
        return Dual(self.value / o.value, (self.slope * o.value - self.value * o.slope) / (o.value * o.value))

    __radd__, __rmul__ = __add__, __mul__


def lifted(x: Any) -> Dual:
    return x if isinstance(x, Dual) else Dual(x, 0.0)


class Untagged:
    """Forward mode by dual numbers without tags, as in a first attempt at one."""

    name = lineage = "untagged"
    namespace = None
    capabilities = Capabilities(modes=nestings(("forward",)))

    def from_numpy(self, array: Any) -> Any:
        return float(array)

    def to_numpy(self, value: Any) -> Any:
        return value.value if isinstance(value, Dual) else value

    def vjp(self, fn: Any, primals: Any) -> Any:
        raise NotImplementedError

    def jvp(self, fn: Any, primals: Any, tangents: Any) -> Any:
        outs = [lifted(o) for o in fn(*(Dual(lifted(x).value, t) for x, t in zip(primals, tangents, strict=True)))]
        return tuple(o.value for o in outs), tuple(o.slope for o in outs)


def test_dual_numbers_without_tags_fail_most_examples_and_the_two_classic_ones() -> None:
    answers = {e.name: nesting.answer(Untagged(), e, "forward", "forward") for e in nesting.EXAMPLES}
    wrong = {e.name for e in nesting.EXAMPLES if answers[e.name] != e.value}
    assert {"a sum with an outer variable", "a derivative that a derivative returns, used twice"} <= wrong
    assert len(wrong) > len(nesting.EXAMPLES) / 2


@pytest.mark.parametrize("name", ["native", "torch", "jax"])
def test_every_engine_we_know_nests_without_confusion_in_four_words(name: str) -> None:
    if name != "native":
        pytest.importorskip(name)
    subject = engine(name)
    words = tuple(nesting.words(subject))
    assert len(words) == 4
    for example in nesting.EXAMPLES:
        assert {nesting.answer(subject, example, *word) for word in words} == {example.value}, example.name
