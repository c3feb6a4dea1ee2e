"""The tape: what is recorded, what is not, and what a replay keeps."""

from __future__ import annotations

import numpy as np
import pytest

from gradproof.oracles.ball import ADD, CONSTANT, JUMP, SELECT, Scalar, Tape, arb, constants, lifted, precision, scalars
from gradproof.oracles.bound import Rounding, forward
from gradproof.oracles.certificate import record
from gradproof.oracles.graph import Graph, Leaf, Node

UNIT = Rounding.of(np.dtype(np.float64))


def leaf(tape: Tape, value: float) -> Scalar:
    return tape.leaf(value)


def test_a_constant_is_recorded_once_for_each_value() -> None:
    tape = Tape()
    x = tape.leaf(2.0)
    (x * 3.0) + 3.0
    assert tape.rows.count(CONSTANT) == 1


def test_adding_nothing_and_multiplying_by_one_record_nothing() -> None:
    tape = Tape()
    x = tape.leaf(2.0)
    assert (x + 0) is x
    assert (0 + x) is x
    assert (x * 1) is x
    assert len(tape.rows) == 1


@pytest.mark.parametrize("number", [3.0, 3, np.float64(3.0), np.float32(3.0), np.array(3.0), np.int64(3), True])
@pytest.mark.parametrize("order", ["scalar first", "number first"])
def test_a_0d_array_and_a_number_meet_a_scalar_alike(number: object, order: str) -> None:
    """A 0-d array once became a constant that held an array."""
    tape = Tape()
    x = scalars(tape, np.array(5.0))
    for f in (lambda a, b: a * b, lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a / b):
        for operand in (x, x[()]):
            out = f(operand, number) if order == "scalar first" else f(number, operand)
            found = np.asarray(out, dtype=object).item()
            assert type(found) is Scalar
            a, b = (5.0, float(number)) if order == "scalar first" else (float(number), 5.0)  # type: ignore[arg-type]
            assert float(found) == pytest.approx(f(a, b), rel=1e-15)
            assert np.shape(out) == ()


def test_arrays_of_scalars_broadcast_as_numbers_do() -> None:
    tape = Tape()
    x = scalars(tape, np.array([[1.0], [2.0]]))
    y = x * np.array([3.0, 4.0, 5.0])
    assert y.shape == (2, 3)
    assert float(y[1, 2]) == 10.0


def test_a_selection_takes_the_larger_side() -> None:
    tape = Tape()
    x, y = tape.leaf(1.0), tape.leaf(2.0)
    assert float(x.larger(y)) == 2.0
    assert float(x.smaller(y)) == 1.0
    assert float(x.select(y, 10.0, 20.0)) == 20.0
    assert float(abs(tape.leaf(-3.0))) == 3.0


def test_a_selection_between_equal_branches_is_an_exact_value_and_no_tie() -> None:
    tape = Tape()
    x = tape.leaf(1.0)
    same = x.larger(x)
    assert tape.rows[same.index] is SELECT
    errors = forward(tape, UNIT)
    assert errors.ties == []
    assert errors.exact[same.index]
    assert errors.dv[same.index] == errors.dv[x.index]


def test_exact_leaves_tie_only_where_they_are_equal() -> None:
    tape = Tape()
    x, y, z = tape.leaf(1.0), tape.leaf(1.0), tape.leaf(np.nextafter(1.0, 2))
    tie = x.larger(y)
    x.larger(z)
    assert forward(tape, UNIT).ties == [tie.index]


def test_computed_values_tie_within_their_own_errors() -> None:
    tape = Tape()
    x, y = tape.leaf(0.1), tape.leaf(0.2)
    near = (x + y).larger(tape.leaf(0.3))  # 0.1 + 0.2 is not 0.3 in floats, nor in exact arithmetic on them
    far = (x + y).larger(tape.leaf(0.3000001))
    assert forward(tape, UNIT).ties == [near.index]
    assert far.index not in forward(tape, UNIT).ties


def test_comparing_what_is_not_finite_takes_no_branch_for_granted() -> None:
    """relu(NaN) was once 0, with an error of 0: the engine was then blamed for its own answer."""
    tape = Tape()
    bad = tape.leaf(-1.0).apply("sqrt")
    out = bad.select(0.0, bad, 0.0)
    assert forward(tape, UNIT).dv[out.index] == float("inf")


def test_sign_is_a_jump_only_where_a_computed_argument_is_near_0() -> None:
    tape = Tape()
    tape.leaf(0.0).sign()  # an exact 0 is known
    computed = (tape.leaf(0.1) * tape.leaf(3.0) - tape.leaf(0.30000000000000004)).sign()
    assert tape.rows.count(JUMP) == 2
    assert forward(tape, UNIT).jumps == [computed.index]


def test_a_replay_at_higher_precision_agrees_and_is_narrower() -> None:
    tape = Tape()
    y = tape.leaf(0.7).apply("exp").apply("sin") / 3.0
    with precision(512):
        again = tape.replay()
    assert again[y.index].overlaps(y.value)
    assert float(again[y.index].rad()) < float(y.value.rad()) * 2.0**-300


def test_a_replay_keeps_its_choices_where_a_leaf_moves_over_a_tie() -> None:
    tape = Tape()
    x, y = tape.leaf(1.0), tape.leaf(2.0)
    out = x.larger(y) * 1.5
    moved = tape.replay({x.index: arb(5)})
    assert float(moved[out.index]) == 3.0  # still y


def test_the_flint_context_is_restored_after_an_error() -> None:
    from flint import ctx

    before = ctx.prec
    with pytest.raises(RuntimeError), precision(1000):
        raise RuntimeError
    assert ctx.prec == before


def test_a_sum_over_size_0_becomes_a_constant() -> None:
    tape = Tape()
    total = lifted(tape, np.add.reduce(scalars(tape, np.zeros((0, 3))), axis=0))
    assert total.shape == (3,)
    assert all(type(v) is Scalar and tape.rows[v.index] is CONSTANT for v in total.flat)


def test_constants_are_not_leaves() -> None:
    tape = Tape()
    constants(tape, np.array([1.0, 2.0]))
    assert set(tape.rows) == {CONSTANT}


def test_each_op_starts_its_own_sums() -> None:
    """Sums may be reordered within an op, and not across ops: (a + b) + c as two nodes is as written."""
    x = Leaf(np.array([1e16, 1.0, -1e16]))
    one = record(Graph((x,), (Node("sum", (0,), {"axis": None, "keepdims": False}),), (1,)))
    assert one.tape.rows.count(ADD) == 2
    assert len(set(one.tape.starts[-2:])) == 1
    a, b, c = (Leaf(np.array(v)) for v in (1e16, 1.0, -1e16))
    two = record(Graph((a, b, c), (Node("add", (0, 1)), Node("add", (3, 2))), (4,)))
    assert len(set(two.tape.starts[-2:])) == 2


def test_every_row_of_a_tape_knows_its_op() -> None:
    x = Leaf(np.array([0.5, 2.0]))
    recording = record(Graph((x,), (Node("exp", (0,)), Node("sin", (1,))), (2,)))
    names = [recording.owner(k)[1] for k in range(len(recording.tape.rows))]
    assert names == ["leaf", "leaf", "exp", "exp", "sin", "sin"]
