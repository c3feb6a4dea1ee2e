"""The text of a verdict: who is wrong, where, by how much, on what evidence, and how to see it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradproof.oracles.codec import pretty
from gradproof.oracles.verdict import Kind

if TYPE_CHECKING:
    from gradproof.oracles.finding import Verdict


def evidence(verdict: Verdict) -> str:
    """What a verdict rests on; a crash needs no bound."""
    if verdict.kind is not Kind.CRASHED:
        return verdict.evidence
    return "the engine raised" if "raised" in verdict.decisive.reason else "the engine gave no answer"


def text(verdict: Verdict) -> str:
    """The whole report, one fact a line."""
    finding = verdict.decisive
    where = f", to blame: {verdict.blame}" if verdict.blame else ""
    if verdict.blamed_node is not None:
        where += f" (%{verdict.blamed_node})"
    lines = [
        f"{verdict.kind}: {verdict.engine}{where}",
        f"  property   {finding.property}",
        f"  reason     {finding.reason or verdict.kind.meaning}",
    ]
    if finding.entries:
        lines.append(f"  entries    {finding.entries - finding.undecided} of {finding.entries} decided")
    worst = finding.worst
    if worst is not None:
        lines += [
            f"  worst      {'value' if finding.property == 'value' else 'gradient'} of %{worst.input} at {list(worst.index)}",
            f"  got        {worst.got!r}",
            f"  expected   {worst.expected!r} ± {worst.radius:.1e}",
            f"  bound      {worst.bound:.3e} (the error is {worst.units:.3g} times it)",
        ]
    bits = f", {verdict.bits} bits" if verdict.bits and verdict.kind is not Kind.CRASHED else ""
    lines.append(f"  evidence   {evidence(verdict)}{bits}")
    if "locality" in verdict.note:
        lines.append(f"  locality   {verdict.note['locality']}")
    for vote in verdict.votes:
        detail = f" ({vote.detail})" if vote.detail else ""
        with_whom = "" if vote.vote == "abstains" else f" with {verdict.engine}"
        lines.append(f"  witness    {vote.name} {vote.vote}{with_whom}{detail}")
    lines.append(f"  what to do {verdict.kind.what_to_do}")
    lines += ["", *("    " + line for line in pretty(verdict.case).splitlines())]
    return "\n".join(lines)
