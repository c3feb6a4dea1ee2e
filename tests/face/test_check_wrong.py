"""Wrong gradients are caught, in the way they are wrong, and the report helps to repair them."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof import GradientError, InconclusiveError, check_gradient, frameworks
from gradproof.failures import load
from gradproof.oracles.errors import EngineError, GraphError
from gradproof.oracles.verdict import Kind

HERE = Path(__file__).parent
RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 3))


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module of wrong functions, under a name that can be imported."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    monkeypatch.syspath_prepend(str(HERE))
    yield importlib.import_module("wrong_functions")
    sys.modules.pop("wrong_functions", None)


def caught(f: Callable[..., Any], *args: Any, **options: Any) -> GradientError:
    with pytest.raises(GradientError) as raised:
        check_gradient(f, *args, **{"save": None, **options})
    return raised.value


FAULTS = {
    "WrongSign": (Kind.WRONG, "got is -1 times expected"),
    "WrongFactor": (Kind.WRONG, "times expected"),
    "OneEntry": (Kind.WRONG, "one entry is wrong: got is 1.01 times expected"),
    "MissingTerm": (Kind.WRONG, "times expected"),
    "ReturnsNone": (Kind.WRONG, "returned as None"),
    "WrongShape": (Kind.CRASHED, "invalid gradient"),
    "Transposed": (Kind.WRONG, "times expected"),
    "Rectified": (Kind.WRONG, "also       not linear in the cotangent"),
    "Clipped": (Kind.WRONG, "times expected"),
    "Rounded": (Kind.WRONG, "got differs from expected by a part"),
    "Biased": (Kind.WRONG, "also       a zero cotangent gives"),
    "Random": (Kind.CONTRACT, "not deterministic"),
    "Stale": (Kind.CONTRACT, "overwritten by a later call"),
    "Writes": (Kind.CONTRACT, "was written by the engine"),
    "WritesCotangent": (Kind.CONTRACT, "was written by the engine"),
    "Raises": (Kind.CRASHED, "ZeroDivisionError: backward"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_wrong_torch_function_is_caught(wrong: ModuleType, name: str) -> None:
    kind, reason = FAULTS[name]
    error = caught(getattr(wrong, name).apply, X)
    assert error.verdict.kind is kind
    assert reason in str(error)


def test_the_right_function_beside_them_passes(wrong: ModuleType) -> None:
    assert check_gradient(wrong.Right.apply, X, order=2).kind is Kind.AGREE


@pytest.mark.parametrize("off", [0.1, 1e-5, 1e-7])
def test_one_entry_of_two_hundred_is_caught_and_named(
    wrong: ModuleType, off: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrong.OneEntry, "off", off)
    x = np.random.default_rng(0).standard_normal(200)
    error = caught(lambda x: wrong.OneEntry.apply(x).sum(), x, engine="torch")
    assert error.verdict.worst is not None
    assert error.verdict.worst.index == (3,)


def test_one_entry_among_thousands_is_found_by_halving(wrong: ModuleType) -> None:
    error = caught(wrong.OneEntry.apply, RNG.standard_normal(4000), coordinates=16)
    assert error.verdict.worst is not None
    assert error.verdict.worst.index == (3,)


def test_a_product_that_divides_by_zero_is_caught(wrong: ModuleType) -> None:
    assert "nan" in str(caught(wrong.LostAtZero.apply, np.array([0.0, 2.0, 3.0])))


def test_a_slope_outside_left_and_right_is_not_decided_at_the_kink_and_wrong_with_the_formula(
    wrong: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.array([0.0, 1.0, -1.0])
    assert caught(wrong.OutsideTheKink.apply, x).verdict.kind is Kind.WRONG  # by the program that is traced
    monkeypatch.setattr(frameworks.Torch, "traces", False)
    with pytest.raises(InconclusiveError, match=r"x at \[0\]: got -.* from the left and .* right on both sides"):
        check_gradient(wrong.OutsideTheKink.apply, x)
    error = caught(wrong.OutsideTheKink.apply, x, meaning=lambda x: np.maximum(x, 0))
    assert error.verdict.worst is not None
    assert error.verdict.worst.index == (0,)


def test_a_slope_outside_left_and_right_is_caught_if_it_is_wrong_beside_the_kink_too() -> None:
    def off(x: Any) -> Any:
        return ge.nn.relu(x) + ge.stop_gradient(2.0 * x)

    assert caught(off, np.array([0.0, 1.0])).verdict.kind is Kind.WRONG


def test_a_fault_beside_a_choice_that_cancels_is_caught(wrong: ModuleType) -> None:
    def cancelled(x: Any) -> Any:
        return ge.sum(ge.nn.relu(x) - ge.nn.relu(-x) + ge.stop_gradient(x) * x)

    error = caught(cancelled, np.array([0.0, 1.0, 2.0]))
    assert error.verdict.worst is not None
    assert error.verdict.worst.index != (0,)


def test_a_wrong_slope_beside_a_kink_is_caught(wrong: ModuleType) -> None:
    def kinked(x: Any) -> Any:
        return wrong.OneEntry.apply(x).sum() + abs(x[0])

    error = caught(kinked, np.array([0.0, 1.0, 2.0, 3.0]), engine="torch")
    assert error.verdict.worst is not None
    assert error.verdict.worst.index == (3,)


def test_a_second_order_fault_is_caught_at_order_two_only(wrong: ModuleType) -> None:
    assert check_gradient(wrong.FirstOrderOnly.apply, X).kind is Kind.AGREE
    error = caught(wrong.FirstOrderOnly.apply, X, order=2)
    assert error.verdict.kind is Kind.WRONG
    assert str(error).startswith("WRONG: second-order gradient of")


def test_only_marked_tensors_are_judged_if_any_is(wrong: ModuleType) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = torch.tensor(X)

    def half(x: Any, y: Any) -> Any:
        return wrong.Right.apply(x) * y.detach()

    assert check_gradient(half, x.clone().requires_grad_(), x).kind is Kind.AGREE
    assert check_gradient(half, x, x, argnums=0).kind is Kind.AGREE
    assert caught(half, x, x).verdict.kind is Kind.WRONG


def test_a_wrong_entry_of_a_jax_custom_vjp_is_caught() -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed")

    @jax.custom_vjp
    def f(x: Any) -> Any:
        return jax.numpy.sin(x) * x

    def backward(x: Any, ct: Any) -> Any:
        return (ct * (jax.numpy.cos(x) * x + jax.numpy.sin(x)).at[3].multiply(1.001),)

    f.defvjp(lambda x: (f(x), x), backward)
    error = caught(f, jax.numpy.asarray(RNG.standard_normal(8)))
    assert error.verdict.worst is not None
    assert error.verdict.worst.index == (3,)
    assert "1.001 times expected" in str(error)


def test_a_wrong_native_function_is_caught() -> None:
    error = caught(lambda x: ge.sum(ge.stop_gradient(x) * x), X)
    assert "0.5 times expected" in str(error)


def test_the_report_names_the_worst_entry_both_values_bound_and_evidence(wrong: ModuleType) -> None:
    text = str(caught(lambda x, y: (x * y + wrong.OneEntry.apply(y)).sum(), X, X, engine="torch"))
    assert "worst      y at [1, 0]" in text
    assert "16 times is accepted" in text
    for word in ("got ", "expected ", "error ", "bound ", "cotangent  1.0: f is one number", "evidence   differences, ", "what to do "):
        assert f"  {word}" in text


def test_got_and_expected_of_a_function_with_one_output_are_its_plain_derivative(wrong: ModuleType) -> None:
    text = str(caught(lambda x: ge.stop_gradient(x) * x, 1.5))
    assert "  worst      x\n  got        1.5\n  expected   3.0000" in text
    assert "  error      1.5 (relative 0.5)\n" in text


def test_the_cotangent_printed_gives_the_gradient_printed(wrong: ModuleType) -> None:
    import torch

    x = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    error = caught(wrong.WrongFactor.apply, x)
    printed = str(error).partition("cotangent  ")[2].partition(": got and expected are derivatives of sum(cotangent * f)")[0]
    x.requires_grad_()
    (found,) = torch.autograd.grad(wrong.WrongFactor.apply(x), x, torch.tensor(ast.literal_eval(printed), dtype=torch.float64))
    assert error.verdict.worst is not None
    assert found[error.verdict.worst.index].item() == error.verdict.worst.got


class Answering:
    """An engine of one's own over NumPy with one function, x -> x**2, whose pullback answers as it is told."""

    name = lineage = "mine"
    from_numpy = staticmethod(np.array)
    to_numpy = staticmethod(np.asarray)

    class namespace:
        pass

    pullback: Callable[[Any, Any], Any] = staticmethod(lambda x, ct: [2 * x * ct])

    def vjp(self, fn: Any, primals: Any) -> Any:
        return fn(*primals), lambda cts: [*type(self).pullback(primals[0], cts[0]), *(0 * p for p in primals[1:])]


class GivesNone(Answering):
    def vjp(self, fn: Any, primals: Any) -> Any:
        return fn(*primals), lambda cts: None


class GivesNoPullback(Answering):
    def vjp(self, fn: Any, primals: Any) -> Any:
        return None


class Bare(Answering):
    def vjp(self, fn: Any, primals: Any) -> Any:
        return fn(*primals), lambda cts: 2 * primals[0] * cts[0]


class NoneInside(Answering):
    pullback = staticmethod(lambda x, ct: [None])


class TooMany(Answering):
    pullback = staticmethod(lambda x, ct: [x, x])


class Shorter(Answering):
    pullback = staticmethod(lambda x, ct: [(2 * x * ct)[1:]])


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ("GivesNone", "gradients came back as NoneType; expected a tuple or list of arrays"),
        ("Bare", "gradients came back as ndarray; expected a tuple or list of arrays"),
        ("NoneInside", "the gradient of x is None; expected an array (zeros where nothing flows)"),
        ("TooMany", "2 gradients for 1 primals; expected one each"),
        ("Shorter", "the gradient of x has shape (2,), expected (3,), the shape of its primal"),
        ("GivesNoPullback", "vjp of engine 'mine' returned NoneType; expected (outputs, pullback)"),
    ],
)
def test_a_pullback_of_the_wrong_form_is_told_what_where_and_what_was_expected(
    engine: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("answering_engines")
    vars(module).update(globals())
    monkeypatch.setitem(sys.modules, "answering_engines", module)
    assert check_gradient(lambda x: x * x, np.ones(3), engine="answering_engines:Answering").kind is Kind.AGREE
    with pytest.raises((GradientError, EngineError), match=re.escape(said)):
        check_gradient(lambda x: x * x, np.ones(3), engine=f"answering_engines:{engine}", save=None)


def test_the_inputs_are_saved_exactly_and_load_again(wrong: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "failures"
    structured = ({"a": X, "b": [np.float32(0.1), 3, True, None, "text"]},)

    def f(p: Any) -> Any:
        return wrong.WrongSign.apply(p["a"])

    text = str(caught(f, *structured, engine="torch", save=folder))
    (path,) = folder.iterdir()
    assert str(path) in text
    (found,) = load(path)
    assert found["a"].tobytes() == X.tobytes()
    assert found["b"][0].dtype == np.float32
    assert [np.asarray(v).item() if isinstance(v, np.ndarray) else v for v in found["b"][1:]] == [3, True, None, "text"]
    path.write_text("{", encoding="utf-8")
    with pytest.raises(GraphError, match="cannot read"):
        load(path)


def test_a_folder_that_cannot_be_written_loses_nothing(wrong: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    text = str(caught(wrong.WrongSign.apply, X, save=tmp_path / "file"))
    assert "saved      nowhere:" in text
    assert "a regression test" in text


@pytest.mark.parametrize("size", [3, 300])
def test_the_test_to_paste_fails_as_it_is_and_passes_once_repaired(
    wrong: ModuleType, tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = str(caught(wrong.WrongFactor.apply, RNG.standard_normal(size) / 3, save=tmp_path / "saved"))
    source = "\n".join(line[4:] for line in text.partition("ready to paste:")[2].splitlines())
    assert "from wrong_functions import WrongFactor" in source
    scope: dict[str, Any] = {}
    exec(compile(source, "pasted", "exec"), scope)  # noqa: S102
    with pytest.raises(GradientError, match="WRONG"):
        scope["test_gradient_of_wrongfactor"]()
    scope["WrongFactor"] = wrong.Right
    scope["test_gradient_of_wrongfactor"]()


def test_large_inputs_that_were_not_saved_are_not_printed_but_how_to_keep_them_is(wrong: ModuleType) -> None:
    text = str(caught(wrong.WrongFactor.apply, RNG.standard_normal((200, 100)), coordinates=4, directions=1))
    assert len(text) < 2500
    assert "x = ...  # the inputs (x: float64 of shape [200, 100])" in text
    assert "call check_gradient again with save= a folder" in text


def test_the_replay_call_repeats_the_check(
    wrong: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = str(caught(wrong.WrongSign.apply, X, save=tmp_path, seed=3))
    lines = text.partition("to replay:\n")[2].partition("\n\n")[0].splitlines()
    with pytest.raises(GradientError, match="-1 times expected"):
        exec("\n".join(line.strip() for line in lines), {})  # noqa: S102
