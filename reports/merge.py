"""Records of several runs as one: each engine may need a virtual environment of its own.

Cells of one engine in one version are added up where the runs drew with other seeds; where they drew with the same one, the cell of the
later record stands, for it is the same cases again. Two versions of an engine are two engines: ``autograd 1.5`` beside ``autograd 1.9.1``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gradproof.oracles.verdict import Kind, worst
from gradproof.reports.parts import Convention, EngineInfo, Entry, Failure, OracleInfo, Totals
from gradproof.reports.record import CASE, Record, RecordError

Key = tuple[str, str, str, str, int, str]


@dataclass
class _Cell:
    """A cell as each seed found it."""

    entries: dict[int, Entry] = field(default_factory=dict)
    owners: dict[int, int] = field(default_factory=dict)  # the record that each is of


def merged(records: Sequence[Record]) -> Record:
    """One record of all runs, engines in the order they come in.

    Raises: RecordError if there is none.
    """
    if not records:
        raise RecordError("no run record to merge. Give the files that --json wrote.")
    names = [_names(record, records) for record in records]
    cells: dict[Key, _Cell] = {}
    for number, record in enumerate(records):
        for entry in record.entries:
            own = replace(entry, engine=names[number].get(entry.engine, entry.engine))
            cell = cells.setdefault(own.key, _Cell())
            cell.entries[record.seed], cell.owners[record.seed] = own, number
    kept = {(cell.owners[seed], name) for cell in cells.values() for seed, e in cell.entries.items() for name in e.failures}
    found = [
        (number, failure) for number, record in enumerate(records) for failure in record.failures if (number, failure.id) in kept
    ]
    identities = {(number, f.id): f"f{i:03d}" for i, (number, f) in enumerate(found, 1)}
    engines = _engines(records, names)
    order = {name: i for i, name in enumerate(engines)}
    entries = sorted((_added(cell, identities) for cell in cells.values()), key=lambda e: order.get(e.engine, len(order)))
    last = records[-1]
    return replace(
        last,
        command="; ".join(dict.fromkeys(r.command for r in records if r.command)),
        seed=records[0].seed,
        seconds=round(sum(r.seconds for r in records), 2),
        interrupted=any(r.interrupted for r in records),
        platform=replace(last.platform, packages=_packages(records)),
        engines=tuple(engines.values()),
        oracles=_oracles(records),
        entries=tuple(entries),
        failures=tuple(_failure(records, names, number, f, identities[number, f.id]) for number, f in found),
        disputed=tuple(replace(d, engine=names[n].get(d.engine, d.engine)) for n, r in enumerate(records) for d in r.disputed),
        claims=next((r.claims for r in reversed(records) if r.claims), ()),
        conventions=_conventions(records, names),
        totals=_totals(entries, records),
    )


def _names(record: Record, records: Sequence[Record]) -> Mapping[str, str]:
    """An engine's name, with its version where the records hold several."""
    versions: dict[str, set[str]] = {}
    for each in records:
        for e in each.engines:
            versions.setdefault(e.name, set()).add(e.version)
    return {e.name: f"{e.name} {e.version}" if len(versions[e.name]) > 1 else e.name for e in record.engines}


def _engines(records: Sequence[Record], names: Sequence[Mapping[str, str]]) -> dict[str, EngineInfo]:
    """Every engine once: a subject, if it is one anywhere."""
    found: dict[str, EngineInfo] = {}
    for record, of in zip(records, names, strict=True):
        for e in record.engines:
            own = replace(e, name=of[e.name])
            if own.name not in found or own.role == "subject":
                found[own.name] = own
    return found


def _added(cell: _Cell, identities: Mapping[tuple[int, str], str]) -> Entry:
    entries = list(cell.entries.values())
    counts: Counter[str] = Counter()
    for e in entries:
        counts.update(e.counts)
    failures = [identities[cell.owners[seed], i] for seed, e in cell.entries.items() for i in e.failures if (cell.owners[seed], i) in identities]
    sizes = [e.worst for e in entries if e.worst is not None]
    return replace(
        entries[0],
        counts=dict(sorted(counts.items())),
        verdict=worst(counts) if counts else worst(e.verdict for e in entries),
        worst=max(sizes) if sizes else None,
        seconds=round(sum(e.seconds for e in entries), 4),
        failures=tuple(sorted(failures)),
        refused=sum(e.refused for e in entries),
    )


def _failure(
    records: Sequence[Record], names: Sequence[Mapping[str, str]], number: int, failure: Failure, identity: str
) -> Failure:
    return replace(failure, id=identity, engine=names[number].get(failure.engine, failure.engine))


def _packages(records: Sequence[Record]) -> dict[str, str]:
    """The versions of all environments; several of one package side by side."""
    found: dict[str, dict[str, None]] = {}
    for record in records:
        for name, version in record.platform.packages.items():
            found.setdefault(name, {})[version] = None
    return {name: " and ".join(versions) for name, versions in found.items()}


def _oracles(records: Sequence[Record]) -> tuple[OracleInfo, ...]:
    found: dict[tuple[str, str], OracleInfo] = {}
    for oracle in (o for record in records for o in record.oracles):
        key = (oracle.name, oracle.role)
        before = found.get(key)
        found[key] = oracle if before is None else replace(
            before, decided=before.decided + oracle.decided, agree=before.agree + oracle.agree,
            disagree=before.disagree + oracle.disagree, abstain=before.abstain + oracle.abstain,
        )  # fmt: skip
    return tuple(found.values())


def _conventions(records: Sequence[Record], names: Sequence[Mapping[str, str]]) -> tuple[Convention, ...]:
    """What each engine does at kinks: of one engine the record that says it last."""
    found = {
        (names[n].get(c.engine, c.engine), c.name): c for n, record in enumerate(records) for c in record.conventions
    }
    return tuple(replace(c, engine=engine) for (engine, _), c in found.items())


def _totals(entries: Sequence[Entry], records: Sequence[Record]) -> Totals:
    """Sums over the merged cells, and over the runs of what no cell counts."""
    counts: Counter[str] = Counter()
    for e in entries:
        if e.property == CASE:
            counts.update(e.counts)
    cases = sum(counts.values())
    return Totals(
        cases=cases,
        graphs=sum(r.totals.graphs for r in records),
        judged=cases - counts[Kind.UNSUPPORTED.value],
        skipped=counts[Kind.RANGE.value] + counts[Kind.ILL_CONDITIONED.value],
        refused=sum(e.refused for e in entries if e.property == CASE),
        unjudged=sum(r.totals.unjudged for r in records),
        entries=sum(r.totals.entries for r in records),
        entries_undecided=sum(r.totals.entries_undecided for r in records),
        disputes=sum(r.totals.disputes for r in records),
        counts=dict(sorted(counts.items())),
    )
