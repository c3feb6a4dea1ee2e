"""The verdicts: the one place for their names, plain meanings, what to do about each, and their order."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Self


class Kind(StrEnum):
    """A verdict's name; ``severity`` orders them, the worst highest.

    >>> Kind("WRONG").fails, Kind.AGREE.fails
    (True, False)
    >>> worst(["AGREE", "LOSSY", "RANGE"])
    <Kind.LOSSY: 'LOSSY'>
    """

    severity: int
    mark: str  # one letter for a cell of the matrix, so that colour is never the only sign
    meaning: str
    what_to_do: str

    def __new__(cls, name: str, severity: int = 0, mark: str = "", meaning: str = "", what_to_do: str = "") -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.severity, member.mark, member.meaning, member.what_to_do = severity, mark, meaning, what_to_do
        return member

    AGREE = (
        "AGREE",
        0,
        "✓",
        "The gradient lies within the rounding error that this graph and these inputs allow.",
        "Nothing.",
    )
    SUBGRADIENT = (
        "SUBGRADIENT",
        1,
        "S",
        "The inputs sit on a kink, and the gradient is one of the values accepted there.",
        "Nothing, unless you rely on a certain choice at the kink: then read the numbered convention.",
    )
    UNSUPPORTED = (
        "UNSUPPORTED",
        2,
        "U",
        "The engine declares that it has no such op, dtype or mode, so nothing was judged.",
        "Add the op to the engine, or accept the gap: it is counted, never passed.",
    )
    RANGE = (
        "RANGE",
        3,
        "R",
        "A value or gradient leaves the range of the dtype, so no verdict is possible.",
        "Nothing; if many cases end so, draw smaller inputs or use a wider dtype.",
    )
    ILL_CONDITIONED = (
        "ILL_CONDITIONED",
        4,
        "I",
        "Rounding alone may change every digit of the gradient, so no verdict is possible.",
        "Nothing; if many cases end so, draw gentler inputs.",
    )
    NOT_YET_SHOWN = (
        "NOT YET SHOWN",
        5,
        "Y",
        "The claim has no test yet, so it is neither confirmed nor refuted.",
        "Build the machinery it needs; until then it counts as open.",
    )
    UNDECIDED = (
        "UNDECIDED",
        6,
        "?",
        "The measurement was too noisy to decide either way.",
        "Run again on a quieter machine, or with more repetitions.",
    )
    LOSSY = (
        "LOSSY",
        7,
        "L",
        "The rule is right, but its formula loses digits that a stable one would keep.",
        "Rewrite the rule in a stable form, or declare the divergence with its reason.",
    )
    NAN_UNTAKEN = (
        "NAN_UNTAKEN",
        8,
        "N",
        "A NaN or infinity leaks in from a branch or term that contributes exactly zero.",
        "Guard the input of the untaken branch, or declare the divergence with its reason.",
    )
    SPEC = (
        "SPEC",
        9,
        "F",
        "The forward values differ: engine and catalogue mean different things by this op.",
        "Compare the forward definitions first; gradients can agree only once those do.",
    )
    COST_OVER = (
        "COST_OVER",
        10,
        "T",
        "The cost exceeds its budget, in counted work or in a paired measurement.",
        "Profile the op named; reduce the work, or argue for another budget.",
    )
    ORACLE = (
        "ORACLE",
        11,
        "O",
        "Our own reference failed its self-check, so the engine is not blamed.",
        "Report it to gradproof with the saved graph: the fault is ours.",
    )
    CONTRACT = (
        "CONTRACT",
        12,
        "C",
        "A rule of conduct is broken: shape, dtype, purity, repeatability or linearity.",
        "Replay the graph and read which rule broke; values come after that.",
    )
    CRASHED = (
        "CRASHED",
        13,
        "X",
        "The engine raised an error, hung or died on a case it declares it supports.",
        "Replay the saved graph to see the traceback, then fix it or declare the case unsupported.",
    )
    WRONG = (
        "WRONG",
        14,
        "W",
        "The gradient lies outside the certified bound and outside every value accepted at a kink.",
        "Fix the rule of the op blamed; the minimal graph and the replay command reproduce it.",
    )

    @property
    def fails(self) -> bool:
        """Whether it makes the run exit 1 (the declarable ones only where no divergence is declared)."""
        return self.severity >= Kind.LOSSY.severity

    @property
    def declarable(self) -> bool:
        """Whether a divergence declared with its reason keeps it from failing the run."""
        return self in (Kind.LOSSY, Kind.NAN_UNTAKEN, Kind.SPEC)

    @property
    def skipped(self) -> bool:
        """Whether the case was drawn and run, but no verdict was possible."""
        return self in (Kind.ILL_CONDITIONED, Kind.RANGE)

    @property
    def decided(self) -> bool:
        """Whether it says something about the engine, good or bad."""
        return self in (Kind.AGREE, Kind.SUBGRADIENT) or (self.fails and self is not Kind.ORACLE)


def worst(kinds: Iterable[str]) -> Kind:
    """The most severe of one or more verdicts."""
    return max((Kind(kind) for kind in kinds), key=lambda kind: kind.severity)
