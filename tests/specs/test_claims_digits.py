"""Training on digits: a fault planted in one step's gradient is judged WRONG, and only there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from gradproof.specs import claims, digits
from gradproof.specs.digits import Gradient

pytest.importorskip("sklearn", reason="scikit-learn is not installed")


def planted(which: int, factor: float, calls: set[int]) -> Gradient:
    """The training gradient with one array times a factor, at the given calls.

    Where every step is judged, step n makes calls 2n - 1 (the gradient that is used) and 2n (the judge's repetition).
    """
    count = 0

    def gradient(*arguments: Any) -> tuple[Any, Sequence[Any]]:
        nonlocal count
        count += 1
        value, gradients = digits.gradient(*arguments)
        found = [np.asarray(g) for g in gradients]
        if count in calls:
            found[which] = found[which] * factor
        return value, found

    return gradient


@pytest.fixture(scope="module")
def data() -> digits.Data:
    return digits.load()


@pytest.mark.parametrize("which", [0, 1, 2, 3])
def test_a_wrong_factor_in_one_step_is_wrong(data: digits.Data, which: int) -> None:
    done = digits.train(data, steps=3, every=1, gradient=planted(which, 1 + 1e-9, {3, 4}))
    assert [j.verdict.kind.value for j in done.judged] == ["AGREE", "WRONG", "AGREE"]
    assert claims.training_claim(done).verdict == "WRONG"
    assert "step 2: WRONG" in claims.training_claim(done).figure


def test_a_fault_in_the_gradient_used_that_does_not_repeat_is_seen(data: digits.Data) -> None:
    done = digits.train(data, steps=1, every=1, gradient=planted(2, 1.5, {1}))
    assert done.judged[0].verdict.kind == "WRONG"


def test_a_gradient_of_another_loss_is_not_accepted(data: digits.Data) -> None:
    def doubled(*arguments: Any) -> tuple[Any, Sequence[Any]]:
        value, gradients = digits.gradient(*arguments)
        return 2 * np.asarray(value), [2 * np.asarray(g) for g in gradients]

    done = digits.train(data, steps=1, every=1, gradient=doubled)
    assert not done.judged[0].accepted


def test_nothing_is_claimed_before_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "finished", lambda: None)
    row = claims.claim(16)
    assert (row.verdict, row.figure) == ("NOT YET SHOWN", "")
    assert "pytest --pyargs gradproof.specs" in row.how


def test_the_data_is_all_there_and_the_parts_do_not_overlap(data: digits.Data) -> None:
    assert len(data.train) + len(data.test) == 1797
    assert {r.tobytes() for r in data.train}.isdisjoint(r.tobytes() for r in data.test)
