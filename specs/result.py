"""What a task found: verdicts counted, failures by their signature, the votes of the witnesses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from gradproof.oracles.finding import Verdict
from gradproof.oracles.verdict import Kind
from gradproof.specs.tasks import Task

DISPUTED_MAX = 20  # passing cases that a witness disputes are kept to so many a task; the rest are counted


@dataclass(frozen=True)
class Signature:
    """What makes two failures one: verdict, property, the op to blame, and the reason if it is a declared difference.

    A new fault beside a declared one of the same kind, in the same op, has another signature: its reason is empty.
    """

    kind: Kind
    property: str
    blame: str
    known: str = ""


@dataclass
class Tally:
    """Votes of one witness over the cases it was shown, as against the judge's verdict."""

    lineage: str
    agree: int = 0
    disagree: int = 0
    abstain: int = 0


@dataclass
class Result:
    """What a task found: for each property the verdicts counted and the worst error in units of the bound.

    ``seen`` counts every failure by its signature; ``explained`` holds the first few of each, reduced and witnessed, or
    ``pending`` holds them as they were drawn. ``refused`` cases were declared unsupported, though all they need is claimed.
    ``disputed`` are passing verdicts that a witness disputes, ``disputes`` how many there were. Of the gradient entries
    looked at, ``undecided`` had no decision. ``unjudged`` cases were left out after the engine hung or died.
    """

    task: Task
    counts: dict[str, Counter[Kind]] = field(default_factory=dict)
    worst: dict[str, float] = field(default_factory=dict)
    overall: Counter[Kind] = field(default_factory=Counter)
    seen: Counter[Signature] = field(default_factory=Counter)
    explained: dict[Signature, list[Verdict]] = field(default_factory=dict)
    pending: dict[Signature, list[Verdict]] = field(default_factory=dict)
    disputed: list[Verdict] = field(default_factory=list)
    disputes: int = 0
    witnesses: dict[str, Tally] = field(default_factory=dict)
    entries: int = 0
    undecided: int = 0
    refused: int = 0
    unjudged: int = 0
    seconds: float = 0.0

    @property
    def failures(self) -> list[Verdict]:
        """The failures that were explained, all signatures."""
        return [verdict for verdicts in self.explained.values() for verdict in verdicts]

    def keep(self, signature: Signature, verdict: Verdict) -> None:
        """Keep an explained failure."""
        self.seen.setdefault(signature, 0)
        self.explained.setdefault(signature, []).append(verdict)

    def count(self, verdict: Verdict) -> None:
        """Count the verdict on one case."""
        self.overall[verdict.kind] += 1
        self.entries += verdict.entries
        self.undecided += verdict.undecided
        for finding in verdict.findings:
            if finding.property not in self.counts:
                self.counts[finding.property] = Counter()
            self.counts[finding.property][finding.kind] += 1
            self.worst[finding.property] = max(self.worst.get(finding.property, 0.0), finding.units)

    def tally(self, verdict: Verdict) -> None:
        """Count the votes on one case's gradient, as against what the judge says of it."""
        right = not any(f.kind.fails for f in verdict.findings if f.property == "gradient")
        for vote in verdict.votes:
            tally = self.witnesses.setdefault(vote.name, Tally(vote.lineage))
            if vote.vote == "abstains":
                tally.abstain += 1
            elif (vote.vote == "agrees") == right:  # a vote for the engine agrees with a judge who accepts it
                tally.agree += 1
            else:
                tally.disagree += 1
        if right and any(vote.vote == "disagrees" for vote in verdict.votes):
            self.disputes += 1
            if len(self.disputed) < DISPUTED_MAX:
                self.disputed.append(verdict)
