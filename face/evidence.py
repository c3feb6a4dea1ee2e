"""One failure, or one disputed verdict, as the record keeps it; and the graph file by which it is seen again."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from gradproof.oracles import codec
from gradproof.oracles.certificate import certify
from gradproof.oracles.draw import draw
from gradproof.oracles.errors import GradproofError
from gradproof.oracles.finding import Verdict
from gradproof.oracles.rewrite import forward_values
from gradproof.oracles.verdict import Kind
from gradproof.reports import record as r

SIZE_MAX_DRAWN = 400


def failure(
    verdict: Verdict, identity: str, engine: str, op: str, dtype: str, count: int, known: str, folder: Path | None
) -> r.Failure:
    """One failure as the record keeps it: minimal graph, drawing, provenance and a command to see it again.

    ``folder`` is where its graph file goes; None where none is written.
    """
    case = verdict.case
    worst_entry = verdict.worst
    made = r.Failure(
        id=identity,
        engine=engine,
        verdict=verdict.kind,
        property=verdict.decisive.property,
        op=op,
        dtype=dtype,
        blame=verdict.blame or op,
        reason=verdict.decisive.reason,
        message=verdict.report(),
        worst=None
        if worst_entry is None
        else r.Worst(
            input=f"%{worst_entry.input}",
            index=worst_entry.index,
            got=repr(worst_entry.got),
            expected=repr(worst_entry.expected),
            radius=f"{worst_entry.radius:.1e}",
            bound=f"{worst_entry.bound:.3e}",
            units=worst_entry.units,
        ),
        case=codec.to_json(case),
        pretty=codec.pretty(case),
        svg=drawing(verdict),
        nodes=len(case.graph.nodes),
        seed=_number(verdict, "seed"),
        witnesses=tuple(
            r.Vote(name=v.name, lineage=v.lineage, vote=_with_judge(v.vote, verdict.kind), detail=v.detail)
            for v in verdict.votes
        ),
        count=count,
        known=known,
    )
    if folder is None:
        return made
    path = shlex.quote(str(folder / graph_file(made)[0]))
    return replace(made, replay=f"gradproof replay {path} --engine {shlex.quote(engine)}")


def disputes(verdict: Verdict, engine: str, op: str, dtype: str) -> Iterable[r.Dispute]:
    """A passing verdict, once for each witness that disputes it."""
    for vote in verdict.votes:
        if vote.vote == "disagrees":
            yield r.Dispute(
                engine=engine,
                verdict=verdict.kind,
                op=op,
                dtype=dtype,
                witness=vote.name,
                detail=vote.detail,
                case=codec.to_json(verdict.case),
                pretty=codec.pretty(verdict.case),
                seed=_number(verdict, "seed"),
                index=_number(verdict, "index"),
            )


def graph_file(failure: r.Failure) -> tuple[str, str]:
    """Name and text of the graph file of a failure; the name holds a hash of the text, so that no run overwrites another's."""
    item: dict[str, Any] = dict(failure.case)
    item["note"] = {
        **item.get("note", {}),
        "engine": failure.engine,
        "verdict": failure.verdict.value,
        "property": failure.property,
        "blame": failure.blame,
        "seed": failure.seed,
    }
    text = json.dumps(item, indent=1) + "\n"
    return f"{failure.blame}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json", text


def save_failures(record: r.Record, folder: Path) -> list[Path]:
    """Each failure's minimal graph as a graph file that ``replay`` reads."""
    written = []
    for one in record.failures:
        folder.mkdir(parents=True, exist_ok=True)
        name, text = graph_file(one)
        (folder / name).write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written


def _number(verdict: Verdict, name: str) -> int:
    found = verdict.note.get(name, 0)
    return found if isinstance(found, int) else 0


def _with_judge(vote: str, kind: Kind) -> str:
    """A witness votes on the engine; the page says whether that is with the judge or against it."""
    if vote == "abstains":
        return "abstain"
    return "agree" if (vote == "agrees") != kind.fails else "disagree"


def drawing(verdict: Verdict) -> str:
    """The case drawn with its forward values, if it is small."""
    case = verdict.case
    if sum(leaf.data.size for leaf in case.graph.leaves) > SIZE_MAX_DRAWN:
        return ""
    try:
        values = forward_values(certify(case))
    except (ArithmeticError, ValueError, GradproofError):
        values = None
    cotangents = dict(zip(case.graph.outputs, case.cotangents, strict=True))
    return draw(case.graph, values=values, cotangents=cotangents, highlight=verdict.blamed_node)
