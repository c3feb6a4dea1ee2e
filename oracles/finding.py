"""What a judgement is: findings of properties, votes of witnesses, and the verdict that holds them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from gradproof.oracles.graph import Case
from gradproof.oracles.verdict import Kind


@dataclass(frozen=True)
class Worst:
    """The worst entry: of which input's gradient (of which output, for a ``value``), which index, both values, the certified radius, the bound, the error in bounds."""

    input: int
    index: tuple[int, ...]
    got: float
    expected: float
    radius: float
    bound: float

    @property
    def units(self) -> float:
        """The error in units of the bound (infinite where the bound is 0 or the value is not finite)."""
        error = abs(self.got - self.expected)
        if math.isnan(error):
            return math.inf
        return error / self.bound if self.bound else (math.inf if error else 0.0)


@dataclass(frozen=True)
class Vote:
    """What a witness says: ``agrees``, ``disagrees`` or ``abstains``, and why. Witnesses never decide."""

    name: str
    lineage: str
    vote: str
    detail: str = ""


@dataclass(frozen=True)
class Finding:
    """What one property says of one case; of ``entries`` looked at, ``undecided`` have no bound to be judged by."""

    property: str
    kind: Kind
    reason: str = ""
    units: float = 0.0
    worst: Worst | None = None
    entries: int = 0
    undecided: int = 0


@dataclass(frozen=True)
class Verdict:
    """The verdict on one case, with its provenance. ``evidence`` says what the bound rests on.

    ``alone`` is the verdict on the blamed node as a graph of its own, where blame judged it.
    """

    kind: Kind
    engine: str
    case: Case
    findings: tuple[Finding, ...]
    votes: tuple[Vote, ...] = ()
    blame: str = ""
    blamed_node: int | None = None
    alone: Verdict | None = None
    evidence: str = "certified balls"
    bits: int = 0
    note: Mapping[str, object] = field(default_factory=dict)

    def __repr__(self) -> str:
        """One line; ``report()`` says everything."""
        if not self.kind.decided or self.kind.fails:
            said = f"{self.decisive.property}: {self.reason or self.kind.meaning}" if self.findings else self.kind.meaning
        else:
            said = f"{self.entries - self.undecided} of {self.entries} entries decided"
        return f"<Verdict {self.kind}: {self.engine}, {said}>"

    @property
    def decisive(self) -> Finding:
        """The finding that made the verdict; where nothing fails, the one on the gradient."""
        return max(self.findings, key=lambda f: (f.kind.severity, f.kind is Kind.AGREE and f.property == "gradient"))

    @property
    def reason(self) -> str:
        return self.decisive.reason

    @property
    def worst(self) -> Worst | None:
        return self.decisive.worst

    @property
    def units(self) -> float:
        """The largest error of a gradient that was judged, in units of the bound."""
        return max((f.units for f in self.findings), default=0.0)

    @property
    def entries(self) -> int:
        """Gradient entries that were looked at."""
        return sum(f.entries for f in self.findings if f.property == "gradient")

    @property
    def undecided(self) -> int:
        """Of these, entries without a decision, beside others that have one."""
        return sum(f.undecided for f in self.findings if f.property == "gradient")

    def report(self) -> str:
        """The whole verdict as text."""
        from gradproof.oracles.report import text

        return text(self)
