"""Nets trained beside PyTorch: a fault far below what one sees in a curve parts the losses, and the claim then says WRONG."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.oracles.registry import engine as by_name
from gradproof.reports.svg import safe_svg
from gradproof.specs import claims, digits, nets, training
from gradproof.specs.training import NETS, Net, Pair, Run, pair

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

SHORT = tuple(replace(net, steps=12, batch=8, accuracy=0.0) for net in NETS)


@pytest.mark.parametrize("net", SHORT, ids=lambda net: net.name)
def test_both_engines_give_the_same_losses_up_to_rounding(net: Net) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    done = pair(net)
    assert not done.faults
    assert 0 < done.rounding < 1e-12
    assert done.torch is not None
    assert done.native.losses[0] == pytest.approx(done.torch.losses[0], rel=1e-14)
    assert len(set(done.native.losses)) == net.steps


@pytest.mark.parametrize("net", SHORT, ids=lambda net: net.name)
def test_an_optimiser_that_is_off_by_a_billionth_is_seen(net: Net) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    done = pair(net)
    off = training.native(replace(net, settings={**net.settings, "lr": net.settings["lr"] * (1 + 1e-9)}))
    assert replace(done, native=off).faults


def test_too_low_an_accuracy_and_losses_that_part_make_claim_16_wrong() -> None:
    run = digits.train(digits.load(), steps=1, every=1)
    run = replace(run, accuracy=1.0, judged=run.judged * claims.JUDGED_MIN)
    net = NETS[0]
    good = Pair(net, Run((2.0, 1.0), 1.0), Run((2.0, 1.0), 1.0), 1e-15)
    assert claims.training_claim(run, [good]).verdict == "AGREE"
    poor = claims.training_claim(run, [replace(good, native=Run((2.0, 1.0), 0.5))])
    assert (poor.verdict, poor.figure) == ("WRONG", "MLP: accuracy 50.0% by native, below 96%")
    parted = claims.training_claim(run, [replace(good, torch=Run((2.0, 1.0 + 1e-13), 1.0))])
    assert parted.verdict == "WRONG"
    lost = claims.training_claim(run, [replace(good, native=Run((2.0, float("nan")), 1.0))])
    assert lost.verdict == "WRONG"


def test_without_pytorch_the_nets_are_trained_and_no_curve_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "find_spec", lambda name: None)
    done = pair(SHORT[0])
    assert done.torch is None
    assert not done.faults
    assert "PyTorch" not in done.figure
    assert training.drawing([done]) == ""


def test_the_drawing_passes_the_page_whole_even_with_a_loss_that_is_no_number() -> None:
    net = NETS[1]
    losses = tuple(2.0 / (1 + i) for i in range(999))
    drawn = training.drawing([Pair(net, Run((*losses, float("nan")), 1.0), Run((*losses, 0.0), 1.0))] * 2)
    kept = safe_svg(drawn)
    assert kept.count("<polyline") == 4
    assert kept.count("points=") == 4
    assert "conv net" in kept
    assert "nan" not in kept


def test_the_text_is_the_zen_and_each_label_is_the_letter_that_follows() -> None:
    assert training.zen().startswith("The Zen of Python, by Tim Peters")
    inputs, labels = training.letters()
    assert inputs.shape == labels.shape == (len(training.zen()) - training.SEQ, training.SEQ)
    np.testing.assert_array_equal(inputs[1:], labels[:-1])


@pytest.mark.parametrize("name", ["native", "torch", "jax"])
def test_the_nets_run_on_any_engines_namespace(name: str) -> None:
    pytest.importorskip("numpy" if name == "native" else name)
    engine: Any = by_name(name)
    for net in NETS if name != "jax" else NETS[:2]:  # FINDINGS 13: JAX's attention of float64 has float32 digits
        inputs = net.test()[0][:2]
        leaves, structure = ge.pytree.flatten(net.weights())
        with ge.no_grad():
            wanted = np.asarray(net.apply(ge, net.weights(), inputs))
        outputs, _ = engine.vjp(
            lambda *w, net=net, inputs=inputs, structure=structure: net.apply(
                engine.namespace, ge.pytree.unflatten(structure, w), engine.from_numpy(inputs)
            ),
            [engine.from_numpy(w) for w in leaves],
        )
        np.testing.assert_allclose(engine.to_numpy(outputs[0] if isinstance(outputs, tuple) else outputs), wanted, rtol=1e-11, atol=1e-12)


def test_a_transformers_place_sees_nothing_after_it() -> None:
    p = nets.transformer_weights(letters=5, seq=6, hidden=8, layers=1)
    letters = np.array([[0, 1, 2, 3, 4, 0]])
    other = np.array([[0, 1, 2, 4, 0, 1]])
    a, b = (np.asarray(nets.transformer(ge, p, x)) for x in (letters, other))
    np.testing.assert_array_equal(a[:, :3], b[:, :3])
    assert np.all(a[:, 3:] != b[:, 3:])
