"""What the page shows, worked out from a record: headlines, counts, the packed matrix, failures cut to a budget."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradproof.oracles.verdict import Kind
from gradproof.reports.blamed import blamed
from gradproof.reports.plain import to_plain
from gradproof.reports.record import CASE, Claim, Dispute, Entry, Failure, Record
from gradproof.reports.svg import safe_svg

TONES = {
    Kind.AGREE: "pass",
    Kind.SUBGRADIENT: "kink",
    Kind.UNSUPPORTED: "open",
    Kind.NOT_YET_SHOWN: "open",
    Kind.RANGE: "none",
    Kind.ILL_CONDITIONED: "none",
    Kind.UNDECIDED: "none",
    Kind.LOSSY: "digits",
    Kind.NAN_UNTAKEN: "digits",
    Kind.SPEC: "digits",
    Kind.COST_OVER: "digits",
    Kind.ORACLE: "ours",
}  # every other verdict is "bad"

REASON_MAX = 2_000  # characters: an exception may carry a whole array


@dataclass(frozen=True)
class Budget:
    """How much a page may hold: failures told in full, those drawn, characters of a text, rows of the rest."""

    shown: int = 200
    drawn: int = 60
    text: int = 20_000
    listed: int = 500
    claims_drawn: bool = True
    entries: int = 20_000


@dataclass(frozen=True)
class Headline:
    """One subject in words; ``rest`` is every verdict but AGREE with its count, the worst first."""

    engine: str
    version: str
    lineage: str
    wrong: int
    judged: int
    failing: int
    skipped: int
    refused: int
    dodged: int
    rest: tuple[tuple[Kind, int], ...]

    @property
    def share_skipped(self) -> str:
        """Skipped or refused, over all that was drawn of what the engine claims, as a percentage."""
        return share(self.skipped + self.refused, self.judged + self.refused)


@dataclass(frozen=True)
class ShownDispute:
    """A disputed verdict as the page tells it; ``case`` is the graph file's text or "" if left out."""

    dispute: Dispute
    number: int
    pretty: str
    case: str
    file: str
    replays: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """A failure as the page tells it; ``case`` is the graph file's text or "" if left out."""

    failure: Failure
    number: int
    svg: str
    drawn: bool
    reason: str
    message: str
    pretty: str
    case: str
    file: str
    versions: str


def share(part: int, whole: int) -> str:
    """A percentage to two digits; what is there is never shown as nothing."""
    if not part or not whole:
        return "0\u00a0%"
    percent = 100 * part / whole
    return f"{percent:.2g}\u00a0%" if percent >= 0.01 else "under 0.01\u00a0%"


def tone(kind: str) -> str:
    """The colour class of a verdict."""
    return TONES.get(Kind(kind), "bad") if kind in Kind._value2member_map_ else "open"


def headlines(record: Record) -> list[Headline]:
    """One for each engine that has entries, subjects in the order the record names them."""
    info = {engine.name: engine for engine in record.engines}
    names = [e.name for e in record.engines if e.role == "subject"]
    names += [name for name in dict.fromkeys(entry.engine for entry in record.entries) if name not in names]
    found = []
    for name in names:
        entries = by_case(record, name)
        counts = total(entries)
        engine = info.get(name)
        found.append(
            Headline(
                engine=name,
                version=engine.version if engine else "",
                lineage=engine.lineage if engine else "",
                wrong=counts[Kind.WRONG],
                judged=sum(n for kind, n in counts.items() if kind not in (Kind.UNSUPPORTED, Kind.NOT_YET_SHOWN)),
                failing=sum(sum(record.failing(entry).values()) for entry in entries),
                skipped=sum(n for kind, n in counts.items() if kind.skipped),
                refused=sum(entry.refused for entry in entries),
                dodged=sum(entry.dodged for entry in entries),
                rest=tuple(sorted(((k, n) for k, n in counts.items() if n and k is not Kind.AGREE), key=_severity)),
            )
        )
    return found


def by_case(record: Record, engine: str) -> list[Entry]:
    """The entries of an engine that count whole cases; all of its entries where a record has none of those."""
    mine = [entry for entry in record.entries if entry.engine == engine]
    return [entry for entry in mine if entry.property == CASE] or mine


def total(entries: Iterable[Entry]) -> Counter[Kind]:
    """Cases of each verdict, summed."""
    counts: Counter[Kind] = Counter()
    for entry in entries:
        counts.update({Kind(name): count for name, count in entry.counts.items()})
    return counts


def verdict_rows(record: Record) -> tuple[list[tuple[Kind, list[int]]], list[Kind]]:
    """Each verdict that occurred with its count for every engine, the worst first; and those that did not occur."""
    engines = [headline.engine for headline in headlines(record)]
    counts = {name: total(by_case(record, name)) for name in engines}
    worst_first = sorted(Kind, key=lambda kind: -kind.severity)
    rows = [(kind, [counts[name][kind] for name in engines]) for kind in worst_first]
    return [row for row in rows if any(row[1])], [row[0] for row in rows if not any(row[1])]


def shown_failures(record: Record, budget: Budget) -> tuple[list[Shown], list[Failure], int]:
    """The failures told in full, those listed in one line, and how many are left out altogether."""
    ordered = sorted(record.failures, key=lambda f: (not f.fails, -f.verdict.severity, f.engine, f.blame, f.id))
    full = [_shown(record, failure, i, budget) for i, failure in enumerate(ordered[: budget.shown])]
    rest = ordered[budget.shown :]
    return full, rest[: budget.listed], max(0, len(rest) - budget.listed)


def _shown(record: Record, failure: Failure, number: int, budget: Budget) -> Shown:
    case = _file_text(failure.case)
    named = re.search(r"[\w.-]+\.json\b", failure.replay)
    versions = {"gradproof": record.gradproof, "Python": record.platform.python, **record.platform.packages}
    svg = safe_svg(failure.svg) if number < budget.drawn and len(failure.svg) <= 10 * budget.text else ""
    return Shown(
        failure=failure,
        number=number,
        svg=svg,
        drawn=bool(svg) or not failure.svg,
        reason=clip(failure.reason, min(budget.text, REASON_MAX)),
        message=clip(failure.message, budget.text),
        pretty=clip(failure.pretty, budget.text),
        case=case if len(case) <= budget.text else "",
        file=named.group() if named else re.sub(r"[^A-Za-z0-9._-]+", "-", failure.id) + ".json",
        versions=clip(", ".join(f"{name} {version}" for name, version in versions.items()), 400),
    )


def shown_disputes(record: Record, budget: Budget) -> list[ShownDispute]:
    """The disputed verdicts that are told, each with the file it can be saved as and the commands that read it.

    A witness that is an engine itself is not asked when another is replayed: it has a command of its own.
    """
    found = []
    engines = {engine.name for engine in record.engines}
    for i, dispute in enumerate(record.disputed[: budget.drawn or 5]):
        case = _file_text(dispute.case)
        file = f"disputed-{i + 1}.json"
        found.append(
            ShownDispute(
                dispute=dispute,
                number=i,
                pretty=clip(dispute.pretty, budget.text),
                case=case if len(case) <= budget.text else "",
                file=file,
                replays=tuple(
                    f"gradproof replay {file} --engine {shlex.quote(name)}"
                    for name in (dispute.engine, dispute.witness)
                    if name == dispute.engine or name in engines
                ),
            )
        )
    return found


def _file_text(case: Mapping[str, Any]) -> str:
    return json.dumps(to_plain(case), ensure_ascii=False, indent=1, allow_nan=False) if case else ""


def clip(text: str, limit: int) -> str:
    """The text, or its beginning with a line saying how much is left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n… {len(text) - limit:,} more characters in the run record"


def claim_drawings(record: Record, budget: Budget) -> dict[int, str]:
    """The drawings of the worked examples, by the claim's position."""
    if not budget.claims_drawn:
        return {}
    return {i: svg for i, claim in enumerate(record.claims) if (svg := safe_svg(claim.svg))}


def claim_counts(claims: Sequence[Claim]) -> list[tuple[str, int]]:
    """How many claims ended in each verdict, in a fixed order."""
    counts = Counter(claim.verdict for claim in claims)
    order = ["AGREE", "WRONG", "NOT YET SHOWN", "NOT TESTABLE"]
    return [(name, counts[name]) for name in [*order, *sorted(set(counts) - set(order))] if counts[name]]


def packed(
    record: Record, shown: Sequence[Shown], disputed: Sequence[ShownDispute], budget: Budget
) -> tuple[dict[str, Any], int]:
    """The data the page's script reads: names once, entries as short rows; and how many entries are left out."""
    worst_first = sorted(range(len(record.entries)), key=lambda i: -record.entries[i].verdict.severity)
    kept = [record.entries[i] for i in sorted(worst_first[: budget.entries])]
    tables: dict[str, dict[str, int]] = {name: {} for name in ("engines", "ops", "properties", "dtypes", "modes")}
    for headline in headlines(record):
        _index(tables["engines"], headline.engine)
    kinds = {kind: i for i, kind in enumerate(Kind)}
    numbers = {item.failure.id: item.number for item in shown}
    rows = [
        [
            _index(tables["engines"], entry.engine),
            _index(tables["ops"], entry.op),
            _index(tables["properties"], entry.property),
            _index(tables["dtypes"], entry.dtype),
            entry.order,
            _index(tables["modes"], entry.mode),
            kinds[entry.verdict],
            [part for name, n in entry.counts.items() if n for part in (kinds[Kind(name)], n)],
            to_plain(float(f"{entry.worst:.4g}")) if entry.worst is not None else None,
            round(entry.seconds, 3),
            [numbers[name] for name in entry.failures if name in numbers],
            len(entry.failures),
            int(record.fails(entry)),
        ]
        for entry in kept
    ]
    data: dict[str, Any] = {name: list(table) for name, table in tables.items()}
    data["kinds"] = [[kind.value, kind.mark, tone(kind), kind.severity, kind.meaning] for kind in Kind]
    data["entries"] = rows
    data["failures"] = [
        [item.failure.id, item.failure.engine, item.failure.blame, item.failure.op, item.case, item.file]
        for item in shown
    ]
    data["blamed"] = blamed(record, tables["engines"], tables["ops"], kinds)
    data["disputed"] = [[item.case, item.file] for item in disputed]
    return data, len(record.entries) - len(kept)


def embed(data: Mapping[str, Any]) -> str:
    """JSON that may stand inside a script element: no ``<`` is left that could end it or open a comment."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _index(table: dict[str, int], name: str) -> int:
    return table.setdefault(name, len(table))


def _severity(item: tuple[Kind, int]) -> int:
    return -item[0].severity
