"""Two run records compared: what regressed, was fixed, is new or gone.

Counts never decide: another seed or volume draws other cases. A worse verdict does, and so does an op that was judged
and no longer is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gradproof.oracles.verdict import Kind
from gradproof.reports.record import Claim, Entry, Failure, Record


@dataclass(frozen=True)
class Change:
    """An entry that is in both records, with what is said of it."""

    old: Entry
    new: Entry

    def __str__(self) -> str:
        return f"{name(self.new)}: {self.old.verdict} -> {self.new.verdict}"


@dataclass(frozen=True)
class Comparison:
    """The differences of two runs, each list by severity, the worst first.

    ``undecided`` holds entries that failed and that the new run could not decide: neither regressed nor fixed.
    """

    old: Record
    new: Record
    regressed: tuple[Change, ...]
    fixed: tuple[Change, ...]
    undecided: tuple[Change, ...]
    added: tuple[Entry, ...]
    gone: tuple[Entry, ...]
    failures_added: tuple[Failure, ...]
    failures_gone: tuple[Failure, ...]
    claims_regressed: tuple[Claim, ...]

    @property
    def is_regression(self) -> bool:
        """Whether ``gradproof compare`` exits 1."""
        return bool(self.regressed or self.claims_regressed)

    def __str__(self) -> str:
        """The comparison in words, one line a difference; what is empty is left out."""
        parts = [
            ("regressed", [str(change) for change in self.regressed]),
            (
                "claims regressed",
                [f"claim {claim.number}: AGREE -> {claim.verdict}" for claim in self.claims_regressed],
            ),
            ("fixed", [str(change) for change in self.fixed]),
            ("no longer decided", [str(change) for change in self.undecided]),
            ("new", [f"{name(entry)}: {entry.verdict}" for entry in self.added]),
            ("gone", [f"{name(entry)}: {entry.verdict}" for entry in self.gone]),
            ("failures new", [describe(failure) for failure in self.failures_added]),
            ("failures gone", [describe(failure) for failure in self.failures_gone]),
        ]
        lines = [f"{title} ({len(found)})\n  " + "\n  ".join(found) for title, found in parts if found]
        return "\n".join(lines) or "no difference"


def compare(old: Record, new: Record) -> Comparison:
    """What changed from one run to the next, entry by entry."""
    before = {entry.key: entry for entry in old.entries}
    after = {entry.key: entry for entry in new.entries}
    both = [Change(before[key], after[key]) for key in after if key in before]
    regressed = [change for change in both if _regressed(change, old, new)]
    fixed = [change for change in both if _fixed(change, old, new)]
    undecided = [change for change in both if _undecided(change, old)]
    shown = {claim.number for claim in old.claims if claim.verdict == Kind.AGREE}
    signatures = {f.signature for f in old.failures}, {f.signature for f in new.failures}
    return Comparison(
        old=old,
        new=new,
        regressed=tuple(sorted(regressed, key=lambda change: _rank(change.new))),
        fixed=tuple(sorted(fixed, key=lambda change: _rank(change.old))),
        undecided=tuple(sorted(undecided, key=lambda change: _rank(change.old))),
        added=_sorted(entry for key, entry in after.items() if key not in before),
        gone=_sorted(entry for key, entry in before.items() if key not in after),
        failures_added=_once(f for f in new.failures if f.signature not in signatures[0]),
        failures_gone=_once(f for f in old.failures if f.signature not in signatures[1]),
        claims_regressed=tuple(c for c in new.claims if c.number in shown and c.verdict == Kind.WRONG),
    )


def name(entry: Entry) -> str:
    """An entry in words: ``native sin vjp float64``; order and mode only where they are unusual."""
    op = "random graphs" if entry.op == "graph" else entry.op
    extra = [f"order {entry.order}"] * (entry.order != 1) + [entry.mode] * (entry.mode != "reverse")
    return " ".join([entry.engine, op, entry.property, entry.dtype, *extra])


def describe(failure: Failure) -> str:
    """A failure in words: engine, verdict, the op to blame and the property."""
    return f"{failure.engine} {failure.verdict} in {failure.blame or failure.op} ({failure.property})"


def _regressed(change: Change, old: Record, new: Record) -> bool:
    before, after = change.old, change.new
    if new.fails(after):
        return not old.fails(before) or after.verdict.severity > before.verdict.severity
    passed = before.decided > 0 and not old.fails(before)
    return passed and not after.decided and after.verdict.severity > before.verdict.severity


def _fixed(change: Change, old: Record, new: Record) -> bool:
    before, after = change.old, change.new
    if not old.fails(before) or not after.decided:
        return False
    return not new.fails(after) or after.verdict.severity < before.verdict.severity


def _undecided(change: Change, old: Record) -> bool:
    return old.fails(change.old) and not change.new.decided and not change.new.verdict.fails


def _rank(entry: Entry) -> tuple[object, ...]:
    return (-entry.verdict.severity, *entry.key)


def _sorted(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=_rank))


def _once(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    """One failure a signature, the most severe first."""
    unique: dict[tuple[str, str, Kind, str], Failure] = {}
    for failure in failures:
        unique.setdefault(failure.signature, failure)
    return tuple(sorted(unique.values(), key=lambda f: (-f.verdict.severity, *f.signature)))
