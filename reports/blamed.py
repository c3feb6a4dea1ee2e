"""The ops that are to blame in random graphs, though they may pass alone: what the page marks in its matrix."""

from __future__ import annotations

from collections.abc import Mapping

from gradproof.oracles.verdict import Kind
from gradproof.reports.record import Failure, Record


def blamed(
    record: Record, engines: Mapping[str, int], ops: Mapping[str, int], kinds: Mapping[Kind, int]
) -> list[list[int]]:
    """Of each engine and op that is blamed in random graphs: how many of them fail the run so, and the worst verdict.

    The number is 0 where it is not known: a failure that cases of single ops share is counted with theirs.
    """
    drawn: dict[str, set[str]] = {}
    for entry in record.entries:
        for name in entry.failures:
            drawn.setdefault(name, set()).add(entry.op)
    found: dict[tuple[int, int], list[Failure]] = {}
    for failure in record.failures:
        if failure.fails and "graph" in drawn.get(failure.id, ()) and failure.engine in engines and failure.blame in ops:
            found.setdefault((engines[failure.engine], ops[failure.blame]), []).append(failure)
    return [
        [*key, sum(f.count for f in mine) if all(drawn[f.id] == {"graph"} for f in mine) else 0, kinds[max((f.verdict for f in mine), key=lambda kind: kind.severity)]]
        for key, mine in found.items()
    ]
