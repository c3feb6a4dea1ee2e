"""The examples around a case under vmap and in compiled code: what they are, and that faults among them are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from answering import case

import gradproof.engine as ge
from gradproof.oracles import company
from gradproof.oracles.company import COMPANY, drawn
from gradproof.oracles.directions import directions, with_directions
from gradproof.oracles.engine import Capabilities, Engine, nestings
from gradproof.oracles.graph import Array, Case
from gradproof.oracles.modes import judge_mode
from gradproof.oracles.registry import engine
from gradproof.oracles.verdict import Kind

BASE = case("multiply", [0.3, -1.2, 0.5], [1.1, 0.4, -0.7])
CASES = [replace(BASE, note={COMPANY: str(i)}) for i in range(24)]


def operands(c: Case, levels: int = 1) -> list[Array]:
    return [*c.graph.primal_values, *c.cotangents, *(v for one in directions(c, levels) for v in one)]


@pytest.fixture(scope="module")
def native() -> Engine:
    return engine("native")


def like(native: Engine, **methods: Any) -> Any:
    """The native engine with other transforms."""

    class Like:
        name, lineage, namespace = "like", "test", ge
        from_numpy, to_numpy, vjp, jvp = native.from_numpy, native.to_numpy, native.vjp, native.jvp  # type: ignore[attr-defined]
        capabilities = Capabilities(modes=nestings(around=("", "vmap of ", "compiled ")))

    made = Like()
    for name, method in methods.items():
        setattr(made, name, method)
    return made


def by_loop(change: Callable[[list[Any]], list[Any]] = lambda rows: rows) -> Callable[..., Any]:
    """A vmap along first axes, by a loop; ``change`` is what becomes of the examples' results."""

    def vmap(fn: Callable[..., Any]) -> Callable[..., Any]:
        def mapped(*xs: Array) -> Any:
            if not len(xs[0]):
                one = fn(*(np.ones(x.shape[1:]) for x in xs))
                return tuple(np.zeros((0, *np.shape(a))) for a in one)
            rows = change([fn(*(x[i] for x in xs)) for i in range(len(xs[0]))])
            return tuple(np.stack([np.asarray(row[j]) for row in rows]) for j in range(len(rows[0])))

        return mapped

    return vmap


# ---- what is drawn


def test_batches_have_one_to_three_examples_the_case_anywhere_and_sometimes_none_is_asked_for() -> None:
    made = [drawn(c, operands(c)) for c in CASES]
    assert {(m.size, m.place) for m in made} == {(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)}
    assert {m.empty for m in made} == {True, False}
    assert {m.out for m in made} == {0, -1}
    assert {axis for m in made for axis in m.axes} == {-1, 0, 1}


def test_the_case_is_itself_and_no_other_example_has_its_cotangent() -> None:
    for c in CASES:
        made = drawn(c, operands(c))
        for own, there in zip(operands(c), made.rows[made.place], strict=True):
            np.testing.assert_array_equal(own, there)
        for i in made.others:
            for shared, mine, its in zip(made.shared[2:], operands(c)[2:], made.rows[i][2:], strict=True):
                assert shared == np.array_equal(mine, its)


def test_some_operands_are_the_same_for_all_and_never_all_of_them() -> None:
    made = [drawn(c, operands(c)) for c in CASES]
    assert not [m for m in made if all(m.shared[:3])]
    assert {m.shared[0] for m in made} == {m.shared[2] for m in made} == {True, False}


def test_a_further_direction_changes_nothing_for_the_operands_before_it() -> None:
    for c in CASES:
        one, two = drawn(c, operands(c, 1)), drawn(c, operands(c, 2))
        assert two.shared[:5] == one.shared
        for a, b in zip(one.rows, two.rows, strict=True):
            assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=False))


def test_company_follows_from_the_content_and_is_saved_with_a_failure() -> None:
    kept = with_directions(BASE, 1)
    assert kept.note[COMPANY] == company.seed_of(BASE)
    changed = replace(kept, cotangents=(BASE.cotangents[0] * 2,))
    assert company.seed_of(changed) == company.seed_of(BASE)
    assert company.seed_of(replace(changed, note={})) != company.seed_of(BASE)


# ---- vmap


def test_an_engine_whose_vmap_knows_first_axes_only_is_asked_for_these(native: Engine) -> None:
    for c in CASES:
        assert judge_mode(c, like(native, vmap=by_loop()), "vmap of reverse").kind is Kind.AGREE


@pytest.mark.parametrize(
    "change",
    [lambda rows: rows[::-1], lambda rows: [rows[0]] * len(rows), lambda rows: [*rows[:-1], [-a for a in rows[-1]]]],
    ids=["turned", "the first for all", "the last negated"],
)
def test_examples_that_are_mixed_up_are_wrong_wherever_the_case_is(native: Engine, change: Any) -> None:
    wrong = like(native, vmap=by_loop(change))
    many = [c for c in CASES if drawn(c, operands(c, 0)).size > 1]
    assert all(judge_mode(c, wrong, "vmap of reverse").kind is Kind.WRONG for c in many)


def test_a_fault_in_another_example_alone_is_found_and_said(native: Engine) -> None:
    (c, *_) = [c for c in CASES if drawn(c, operands(c, 0)).size == 2 and not drawn(c, operands(c, 0)).place]
    found = judge_mode(c, like(native, vmap=by_loop(lambda rows: [rows[0], [a * 2 for a in rows[1]]])), "vmap of reverse")
    assert found.kind is Kind.WRONG
    assert found.reason.startswith("another example (1 of 1): ")


def test_a_gradient_that_is_wrong_without_vmap_is_no_fault_of_vmap(native: Engine) -> None:
    """The engine is wrong at negative numbers of another example: judged there, and not where the case is sound."""

    class Wrong:
        multiply = staticmethod(lambda x, y: ge.multiply(x, y) + ge.stop_gradient(0.0 * y) * x + wrong(x))

    def wrong(x: Any) -> Any:
        return ge.where(x > 1.9, x - ge.stop_gradient(x), 0.0)

    c = case("multiply", [1.8], [1.1])
    around = [replace(c, note={COMPANY: str(i)}) for i in range(40)]
    beside = [d for d in around if any(row[0][0] > 1.9 for row in drawn(d, operands(d, 0)).rows)]
    assert beside
    for d in beside:
        assert judge_mode(d, like(native, namespace=Wrong, vmap=by_loop()), "vmap of reverse").kind is Kind.AGREE


def test_an_engine_that_raises_for_another_example_is_asked_with_the_primals_of_the_case(native: Engine) -> None:
    def refusing(fn: Any) -> Any:
        def checked(*xs: Any) -> Any:
            if xs[0].data.max() > 1.9:
                raise ArithmeticError("out of the domain")
            return fn(*xs)

        return checked

    plain = native.vjp
    subject = like(native, vmap=by_loop(), vjp=lambda fn, primals: plain(refusing(fn), [np.asarray(p) for p in primals]))
    c = case("square", [1.8])
    kinds = {judge_mode(replace(c, note={COMPANY: str(i)}), subject, "vmap of reverse").kind for i in range(40)}
    assert kinds == {Kind.AGREE}


def test_a_result_without_its_batch_breaks_the_contract_and_so_does_one_of_no_examples(native: Engine) -> None:
    def unbatched(fn: Any) -> Any:
        return lambda *xs: tuple(a[0] for a in by_loop()(fn)(*xs))

    def fuller(fn: Any) -> Any:
        return lambda *xs: by_loop()(fn)(*xs) if len(xs[0]) else tuple(np.zeros((1, *np.shape(a)[1:])) for a in by_loop()(fn)(*xs))

    def fewer(fn: Any) -> Any:
        return lambda *xs: by_loop()(fn)(*xs)[: None if len(xs[0]) else 1]

    one = [c for c in CASES if drawn(c, operands(c, 0)).size != 3]
    assert {judge_mode(c, like(native, vmap=unbatched), "vmap of reverse").kind for c in one} == {Kind.CONTRACT}
    empty = [c for c in CASES if drawn(c, operands(c, 0)).empty]
    assert {judge_mode(c, like(native, vmap=fuller), "vmap of reverse").kind for c in empty} == {Kind.CONTRACT}
    assert {judge_mode(c, like(native, vmap=fewer), "vmap of reverse").kind for c in empty} == {Kind.CONTRACT}


# ---- compiled


def compiled(change: Callable[[int, list[Any]], Any]) -> Callable[..., Any]:
    """A compiler that does nothing; ``change(call, results)`` is what becomes of them."""

    def compile_(fn: Callable[..., Any]) -> Callable[..., Any]:
        calls = [0]

        def run(*xs: Any) -> Any:
            calls[0] += 1
            return change(calls[0], [np.array(a) for a in fn(*xs)])

        return run

    return compile_


def test_a_program_is_called_at_other_points_before_and_after_the_case(native: Engine) -> None:
    seen: list[int] = []
    subject = like(native, compile=compiled(lambda n, out: (seen.append(n), out)[1]))
    assert judge_mode(CASES[0], subject, "compiled reverse").kind is Kind.AGREE
    assert seen[-1] >= 3
    for wrong in (1, 2, 3):
        faulty = like(native, compile=compiled(lambda n, out, wrong=wrong: [a * 2 for a in out] if n == wrong else out))  # type: ignore[misc]
        kinds = [judge_mode(c, faulty, "compiled reverse").kind for c in CASES]
        assert kinds.count(Kind.WRONG) > 6


def test_a_result_that_the_next_call_overwrites_breaks_the_contract(native: Engine) -> None:
    kept: dict[Any, Array] = {}

    def overwritten(n: int, out: list[Any]) -> list[Any]:
        for i, a in enumerate(out):
            kept.setdefault((i, a.shape), np.array(a))[...] = a
        return [kept[i, a.shape] for i, a in enumerate(out)]

    found = judge_mode(CASES[0], like(native, compile=compiled(overwritten)), "compiled reverse")
    assert found.kind is Kind.CONTRACT
    assert found.reason == "a result changed when the compiled function was called again"
