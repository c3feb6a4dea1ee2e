"""The claims table of a run."""

from __future__ import annotations

from gradproof.reports.record import Claim


def claims() -> tuple[Claim, ...]:
    """Every claim of the source document, with what was measured in this run."""
    return ()
