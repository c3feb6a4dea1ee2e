"""The ops that are to blame in random graphs, though they may pass alone: what the page marks in its matrix."""

from __future__ import annotations

from collections.abc import Mapping

from gradproof.oracles.verdict import Kind
from gradproof.reports.record import Failure, Record


def blamed(
    record: Record, engines: Mapping[str, int], ops: Mapping[str, int], kinds: Mapping[Kind, int]
) -> list[list[int]]:
    """Of each engine and op that is blamed in random graphs: how many of them fail the run so, and the worst verdict."""
    found: dict[tuple[int, int], list[Failure]] = {}
    for failure in record.failures:
        if failure.fails and failure.op == "graph" and failure.engine in engines and failure.blame in ops:
            found.setdefault((engines[failure.engine], ops[failure.blame]), []).append(failure)
    return [
        [*key, sum(f.count for f in mine), kinds[max((f.verdict for f in mine), key=lambda kind: kind.severity)]]
        for key, mine in found.items()
    ]
