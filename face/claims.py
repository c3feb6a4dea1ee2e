"""The claims table of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from gradproof.reports import record
from gradproof.specs import claims as specs

NATIVE = "native"


def claims(subjects: Sequence[str]) -> tuple[record.Claim, ...]:
    """Every claim of the source document, tested now, and what was measured (claim 16: in this process, or not yet).

    The document is about the native engine: a run in which it is no subject has none.
    """
    return tuple(_row(claim) for claim in specs.claims()) if NATIVE in subjects else ()


def _row(claim: specs.Claim) -> record.Claim:
    names = [f.name for f in fields(record.Digit)]
    return record.Claim(
        number=claim.number,
        claim=claim.claim,
        how=claim.how,
        figure=claim.figure,
        verdict=claim.verdict,
        digits=tuple(record.Digit(**{name: getattr(d, name) for name in names}) for d in claim.digits),
        svg=claim.svg,
    )
