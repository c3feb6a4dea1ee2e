"""Claim 9: mixed precision, its error against the bound that the narrow dtype implies, and what loss scaling brings back."""

from __future__ import annotations

from importlib.util import find_spec

from gradproof.oracles.verdict import Kind
from gradproof.specs import halves
from gradproof.specs.claim import Claim, decided, unshown

LOST_MIN = 0.5  # of the entries, without a loss scale: else nothing is shown to be recovered
KEPT = 2.0  # the last loss, times that of float32


def mixed() -> Claim:
    """Claim 9 as measured now."""
    if find_spec("ml_dtypes") is None:
        return unshown(9, "needs ml_dtypes, which makes bfloat16 a dtype of NumPy: install gradproof[bfloat16]")
    verdicts = {d: halves.judged(d) for d in halves.DTYPES}
    plain = {d: halves.mixed(d) for d in halves.DTYPES}
    low = halves.mixed("float16", halves.WEIGHT)
    raised = halves.mixed("float16", halves.WEIGHT, halves.too_large())
    wide, narrow, unscaled = halves.trained("float32", False), halves.trained("float16"), halves.trained("float16", False)
    faults = [f"{d}: {v.kind}, {v.reason}" for d, v in verdicts.items() if v.kind is not Kind.AGREE]
    faults += [f"{d} under autocast is {m.units:.2g} bounds off" for d, m in plain.items() if not m.units <= halves.K]
    faults += [f"{d}: gradients of dtype {', '.join(m.dtypes)}" for d, m in plain.items() if m.dtypes != ("float32",)]
    if low.lost < LOST_MIN * low.entries:
        faults.append(f"only {low.lost} of {low.entries} entries underflow without a loss scale")
    if raised.lost or not raised.units <= halves.K or not raised.scale.skipped:
        faults.append(f"scaled: {raised.lost} entries lost, {raised.units:.2g} bounds off, {raised.scale.skipped} overflows")
    if not narrow.losses[-1] <= KEPT * wide.losses[-1] or not narrow.scale.skipped:
        faults.append(f"trained to {narrow.losses[-1]:.2g}, float32 to {wide.losses[-1]:.2g}; {narrow.scale.skipped} steps skipped")
    if unscaled.losses[-1] <= 10 * wide.losses[-1]:
        faults.append(f"trained to {unscaled.losses[-1]:.2g} without a loss scale, which was to fail")
    how = (
        f"a tanh net {'-'.join(map(str, halves.WIDTHS))} with squared error: everything in the narrow dtype, judged within one bound (not 16); "
        "then under autocast over float32 parameters, against the same bounds; then the loss times 2⁻²⁶, with and without dynamic loss scaling"
    )
    worst = ", ".join(f"{verdicts[d].units:.3f} of the bound in {d} ({plain[d].units:.3f} under autocast)" for d in halves.DTYPES)
    figure = (
        f"worst error {worst}; of {low.entries} gradients {low.lost} underflow to 0 in float16, none with a loss scale found after "
        f"{raised.scale.skipped} overflows (error {raised.units:.3f} bounds); {halves.STEPS} steps of training take the loss from {wide.losses[0]:.2g} to "
        f"{wide.losses[-1]:.1e} in float32, {narrow.losses[-1]:.1e} in float16 with scaling ({narrow.scale.skipped} steps skipped), {unscaled.losses[-1]:.2g} without"
    )
    return decided(9, how, figure, faults)
