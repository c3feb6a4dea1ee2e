"""``flow``: how gradients grow or fade from layer to layer.

Back through a layer a gradient is multiplied by the layer's Jacobian. If these are alike, its norm changes by about one factor
a layer, the rate: a line fitted to log(norm) against depth has slope log(rate). Below 1 the gradient vanishes towards the
first layers, above 1 it explodes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.engine import pytree
from gradproof.engine.array import as_array

STEADY = 10.0  # a change by less than this factor over all layers together is called steady


@dataclass(frozen=True)
class Flow:
    """Norms by layer, in order of depth, and by array; ``rate`` is the factor a layer on the way back, fitted.

    ``rate`` is nan with fewer than two layers whose norm is a number above 0; ``spread`` is the standard deviation of
    log(norm) about the fitted line. ``dead`` layers have a gradient of exactly 0, ``broken`` ones inf or nan.
    """

    layers: dict[str, float]
    arrays: dict[str, float]
    rate: float
    spread: float
    dead: tuple[str, ...]
    broken: tuple[str, ...]

    @property
    def total(self) -> float:
        """The factor from the last layer's gradient to the first's, by the fitted rate."""
        return float(self.rate ** (len(self.layers) - 1))

    @property
    def verdict(self) -> str:
        """"broken", "vanishing", "exploding" or "steady", or "unknown" where no rate could be fitted."""
        if self.broken:
            return "broken"
        if math.isnan(self.rate):
            return "vanishing" if self.dead else "unknown"
        return "vanishing" if self.total < 1 / STEADY else "exploding" if self.total > STEADY else "steady"

    def __str__(self) -> str:
        wide = max((len(name) for name in self.layers), default=0)
        rows = [f"  {name:<{wide}}  {norm:.3g}" for name, norm in self.layers.items()]
        dead = f", {len(self.dead)} dead" if self.dead else ""
        broken = f", not finite in {', '.join(self.broken)}" if self.broken else ""
        return "\n".join([f"{self.verdict}: times {self.rate:.3g} a layer on the way back{dead}{broken}", *rows])


def flow(gradients: Any) -> Flow:
    """What happens to gradients layer by layer; the parts of the tree are the layers, first to last.

    >>> import gradproof.engine as ge
    >>> print(ge.flow([{"w": [0.001, 0.0]}, {"w": [0.0, 0.01]}, {"w": [0.1, 0.0]}]))
    vanishing: times 0.1 a layer on the way back
      [0]  0.001
      [1]  0.01
      [2]  0.1
    """
    leaves, structure = pytree.flatten(gradients)
    if structure.kind is None:
        structure = pytree.Structure(dict, ("gradient",), (structure,))
    steps = [pytree.step(structure.kind, key) for key in structure.keys]
    of_leaf = iter([_norm(x) for x in leaves])
    arrays: dict[str, float] = {}
    layers: dict[str, float] = {}
    for start, child in zip(steps, structure.children, strict=True):
        found = {path: next(of_leaf) for path in pytree.paths(child, start)}
        arrays |= found
        layers[start] = math.hypot(*found.values()) if all(map(math.isfinite, found.values())) else math.nan
    rate, spread = _fit(list(layers.values()))
    return Flow(
        layers,
        arrays,
        rate,
        spread,
        tuple(name for name, norm in layers.items() if norm == 0),
        tuple(name for name, norm in layers.items() if math.isnan(norm)),
    )


def _norm(x: Any) -> float:
    values = np.abs(as_array(x).numpy()).astype(np.float64).ravel()
    top = float(values.max(initial=0.0))
    return top * float(np.linalg.norm(values / top)) if 0 < top < math.inf else top


def _fit(norms: list[float]) -> tuple[float, float]:
    """The factor from a layer to the one before it, and how far the logarithms are off the line."""
    known = [(i, math.log(norm)) for i, norm in enumerate(norms) if 0 < norm < math.inf]
    if len(known) < 2:
        return math.nan, math.nan
    depth, logs = np.array(known).T
    slope, height = np.polyfit(depth, logs, 1)
    with np.errstate(over="ignore"):
        rate = float(np.exp(-slope))
    return rate, float(np.std(logs - (slope * depth + height)))
