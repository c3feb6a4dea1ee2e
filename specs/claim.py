"""A row of the claims table, and the words of the claims: what each module of evidence gives."""

# ruff: noqa: RUF001 (Greek letters, primes and minus signs, as printed)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradproof.oracles.verdict import Kind
from gradproof.specs.worked import Digit

NOT_TESTABLE = "NOT TESTABLE"


@dataclass(frozen=True)
class Claim:
    """A row of the claims table; ``verdict`` is AGREE, WRONG, NOT YET SHOWN or NOT TESTABLE."""

    number: int
    claim: str
    how: str = ""
    figure: str = ""
    verdict: str = Kind.NOT_YET_SHOWN.value
    digits: tuple[Digit, ...] = ()
    svg: str = ""


CLAIMS = {
    1: "Sigma neuron: x = 1.20, w = 0.70, z = w·x + b, a = σ(z), L = ½(a − y)²: every printed value and gradient",
    2: "2-3-1 ReLU net with squared error: every printed value and gradient, with a hidden unit exactly on the kink",
    3: "Lin-ReLU-Lin chain with (y − t)²: every printed value and gradient",
    4: "Forward records every operation in a DAG (the tape); backward walks it once in reverse, each op by its local rule",
    5: "One reverse pass gives every parameter's gradient at 2 to 3 times the forward cost, whatever their number",
    6: "Forward mode scales with the number of inputs, reverse mode with the number of outputs",
    7: "Backward needs the cached activations: memory O(layers · batch · seq · hidden); inference frees layer by layer",
    8: "Activation checkpointing trades compute for memory",
    9: "Mixed precision: activations in float16 or bfloat16",
    10: "ZeRO and FSDP shard activations and gradients across devices",
    11: "Gradients vanish through many saturating layers; residual connections and ReLU-family activations fix it",
    12: "Gradients explode in RNNs and deep nets; gradient clipping defends",
    13: "One inf or nan anywhere corrupts the whole gradient; frameworks have hooks that detect it",
    14: "Frameworks differ in when the graph is built: eager or traced",
    15: "PyTorch, JAX and TensorFlow all implement reverse mode",
    16: "A training step is forward, backward, optimizer step, repeat",
    17: "That is why training a 70B model is feasible at all",
}

HISTORY = Claim(
    18,
    "Remarks on history: hand-derived gradients before 2015, the largest productivity win of modern frameworks",
    how="history and opinion; no program can show it",
    verdict=NOT_TESTABLE,
)


def unshown(number: int, how: str) -> Claim:
    """A row that is open, and what it needs."""
    return Claim(number, CLAIMS[number], how)


def decided(number: int, how: str, figure: str, faults: Sequence[str], **shown: Any) -> Claim:
    """A row with its evidence: WRONG, with the first fault as its figure, unless there is none."""
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        return Claim(number, CLAIMS[number], how, f"{faults[0]}{more}", Kind.WRONG.value, **shown)
    return Claim(number, CLAIMS[number], how, figure, Kind.AGREE.value, **shown)
