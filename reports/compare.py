"""Two run records compared: what regressed, was fixed, is new or gone.

Where both runs drew the same cases (one gradproof, seed, profile and volume) their counts are compared as they are. Another
seed or volume draws other cases: then a count says nothing, and only the kinds of verdict are compared. An op that was
judged and no longer is has regressed either way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gradproof.oracles.verdict import Kind
from gradproof.reports.record import Claim, Entry, Failure, Record


@dataclass(frozen=True)
class Change:
    """An entry that is in both records; ``why`` says what is worse where the two verdicts do not."""

    old: Entry
    new: Entry
    why: str = ""

    def __str__(self) -> str:
        return f"{name(self.new)}: {self.old.verdict} -> {self.new.verdict}" + (f" ({self.why})" if self.why else "")


@dataclass(frozen=True)
class Comparison:
    """The differences of two runs, each list by severity, the worst first.

    ``undecided`` holds entries that failed and that the new run could not decide: neither regressed nor fixed.
    ``failures_gone`` were not seen again, though the new run asked for cases of the same op.
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
    def exact(self) -> bool:
        """Whether both runs drew the same cases, so that counts were compared and not only kinds."""
        return _one_draw(self.old, self.new)

    @property
    def is_regression(self) -> bool:
        """Whether ``gradproof compare`` exits 1: something got worse, or an entry that was not there before fails."""
        return bool(self.regressed or self.claims_regressed or self.added_failing)

    @property
    def added_failing(self) -> tuple[Entry, ...]:
        """The new entries that fail the run."""
        return tuple(entry for entry in self.added if self.new.fails(entry))

    @property
    def differ(self) -> tuple[str, ...]:
        """What the two runs were asked differently, in words: where it is not empty, less may be judged for no other reason."""
        told = [
            f"{what} {before} -> {after}"
            for what, before, after in (
                ("gradproof", self.old.gradproof, self.new.gradproof),
                ("seed", self.old.seed, self.new.seed),
                ("profile", self.old.profile, self.new.profile),
            )
            if before != after
        ]
        old, new = self.old.entries, self.new.entries
        for what, had, has in (
            ("engines", {e.engine for e in old}, {e.engine for e in new}),
            ("ops", {e.op for e in old}, {e.op for e in new}),
            ("dtypes", {e.dtype for e in old}, {e.dtype for e in new}),
        ):
            moved = [f"{sign}{len(names)}" for sign, names in (("+", has - had), ("-", had - has)) if names]
            if moved:
                told.append(f"{what} {' '.join(moved)}")
        return tuple(told)

    def __str__(self) -> str:
        """The comparison in at most forty lines, what fails first."""
        from gradproof.reports.told import told

        return told(self)


def compare(old: Record, new: Record) -> Comparison:
    """What changed from one run to the next, entry by entry."""
    before = {entry.key: entry for entry in old.entries}
    after = {entry.key: entry for entry in new.entries}
    both = [Change(before[key], after[key]) for key in after if key in before]
    regressed = [replace(change, why=why) for change in both if (why := _worse(change, old, new)) is not None]
    worse = {change.new.key for change in regressed}
    fixed = [change for change in both if change.new.key not in worse and _fixed(change, old, new)]
    undecided = [change for change in both if _undecided(change, old)]
    shown = {claim.number for claim in old.claims if claim.verdict == Kind.AGREE}
    asked = {(entry.engine, entry.op) for entry in new.entries if _ran(entry)}
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
        failures_gone=_once(
            f for f in old.failures if f.signature not in signatures[1] and (f.engine, f.op) in asked
        ),
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


def _worse(change: Change, old: Record, new: Record) -> str | None:
    """Why the new entry is worse than the old one ("" where the verdicts say it), or None if it is not."""
    before, after = change.old, change.new
    if new.fails(after) and not old.fails(before):
        return ""
    ran, runs = _ran(before), _ran(after)
    if ran and not runs and not old.fails(before) and after.verdict is Kind.UNSUPPORTED:
        return "" if before.verdict is not after.verdict else "no case is supported any more"
    if before.decided and not after.decided and not old.fails(before):
        return "" if after.verdict.severity > before.verdict.severity else "nothing is decided any more"
    same = _same_cases(change, old, new)
    if same and after.counts.get(Kind.UNSUPPORTED, 0) > before.counts.get(Kind.UNSUPPORTED, 0):
        return _counted(Kind.UNSUPPORTED, before, after)
    was, now = old.failing(before), new.failing(after)
    return _more_failures(change, was, now, old, new) if same else _new_kind(was, now)


def _ran(entry: Entry) -> int:
    """Cases that the engine was asked."""
    return sum(entry.counts.values()) - entry.counts.get(Kind.UNSUPPORTED, 0)


def _new_kind(was: Counter[Kind], now: Counter[Kind]) -> str | None:
    """A kind of failure that was not there, unless a more severe one left: then the failure has become milder."""
    gone = max((kind.severity for kind in was if kind not in now), default=-1)
    found = sorted((kind for kind in now if kind not in was and kind.severity > gone), key=lambda kind: -kind.severity)
    return f"now also {', '.join(found)}" if found else None


def _more_failures(change: Change, was: Counter[Kind], now: Counter[Kind], old: Record, new: Record) -> str | None:
    """More cases that fail so severely or worse; or as many, with a blame that was not there."""
    for kind in sorted(now, key=lambda kind: -kind.severity):
        if _as_severe(now, kind) > _as_severe(was, kind):
            return _counted(kind, change.old, change.new)
    known = {failure.signature for failure in old.failures_of(change.old)}
    blamed = {
        failure.blame
        for failure in new.failures_of(change.new)
        if failure.fails and failure.blame and failure.signature not in known
        # where fewer cases fail, one that was there before may only now be among those kept
        and now[failure.verdict] >= was[failure.verdict]
    }
    return f"now blamed: {', '.join(sorted(blamed))}" if blamed else None


def _as_severe(counts: Counter[Kind], kind: Kind) -> int:
    return sum(count for other, count in counts.items() if other.severity >= kind.severity)


def _counted(kind: Kind, before: Entry, after: Entry) -> str:
    return f"{kind} {before.counts.get(kind, 0)} -> {after.counts.get(kind, 0)} of {sum(after.counts.values())}"


def _one_draw(old: Record, new: Record) -> bool:
    """Whether the same program drew from the same seed."""
    return (old.gradproof, old.seed, old.profile) == (new.gradproof, new.seed, new.profile)


def _same_cases(change: Change, old: Record, new: Record) -> bool:
    """Whether an entry counts the same cases in both runs; graphs are drawn from the ops that the engine has."""
    if not _one_draw(old, new) or sum(change.old.counts.values()) != sum(change.new.counts.values()):
        return False
    return change.new.op != "graph" or _ops(old, change.new) == _ops(new, change.new)


def _ops(record: Record, entry: Entry) -> set[str]:
    """The ops that the entry's engine was asked in its dtype."""
    return {e.op for e in record.entries if (e.engine, e.dtype) == (entry.engine, entry.dtype) and _ran(e)}


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
