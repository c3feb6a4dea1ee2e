"""What engines do at kinks is measured: the native engine's numbers are those it declares, and a strange engine's answers are told."""

from __future__ import annotations

from typing import Any

from gradproof.oracles.adapters.native import NativeEngine
from gradproof.oracles.engine import Engine
from gradproof.oracles.registry import engine as by_name
from gradproof.specs.at_kinks import ABSENT, POINTS, answers


class Strange(NativeEngine):
    """Knows abs alone, whose pullback raises."""

    name = "strange"
    namespace: Any = type("only", (), {"abs": staticmethod(lambda x: NativeEngine.namespace.abs(x))})  # type: ignore[assignment]

    def vjp(self, fn: Any, primals: Any) -> Any:
        outputs, _ = super().vjp(fn, primals)

        def pullback(cotangents: Any) -> Any:
            raise ZeroDivisionError("at 0")

        return outputs, pullback


def test_every_point_has_an_answer_and_the_native_ones_are_as_declared() -> None:
    found = {a.name: a.found for a in answers(by_name("native"))}
    assert list(found) == [p.name for p in POINTS]
    assert (found["abs'(0)"], found["relu'(0)"]) == ("0", "0")
    assert found["maximum(x, y) at x = y"] == "0.5, 0.5"
    assert found["where(False, sqrt(x), 1) at x = 0"] == "0"
    assert found["sqrt'(0)"] == "inf"


def test_an_exception_is_an_answer_and_an_op_that_is_lacking_none() -> None:
    strange: Engine = Strange()
    found = {a.name: a.found for a in answers(strange)}
    assert found.pop("abs'(0)") == "raises ZeroDivisionError"
    assert set(found.values()) == {ABSENT}
