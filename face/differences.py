"""``gradproof differences``: every declared difference on its saved graph again, with the engines that are installed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gradproof.oracles.errors import EngineError
from gradproof.oracles.judge import K
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.registry import version
from gradproof.oracles.verdict import Kind
from gradproof.specs.known import Known, corpus
from gradproof.specs.limits import judging_of
from gradproof.terminal import console

STILL, RIGHT, CHANGED = "still so", "UNEXPECTED PASS", "ANOTHER VERDICT"
OTHER, ABSENT = "another release", "not installed"


def found_of(known: Known) -> str:
    """What has become of a difference on its graph."""
    try:
        subject = by_name(known.engine)
    except EngineError:
        return ABSENT
    if not known.applies(version(subject)):
        return OTHER
    verdict = judging_of(known.property)(known.case, subject, K)
    if (known.verdict, known.property) in {(f.kind, f.property) for f in verdict.findings}:
        return STILL
    return RIGHT if verdict.kind in (Kind.AGREE, Kind.SUBGRADIENT) else f"{CHANGED}: {verdict.kind}"


def differences(engines: Sequence[str]) -> int:
    """Print what is declared and what has become of it; exit 1 where an engine is right now, so that the entry goes, or fails in another way."""
    told = {known for known in corpus() if not engines or known.engine in engines}
    counts: Counter[str] = Counter()
    for known in sorted(told, key=lambda k: k.name):
        found = found_of(known)
        counts[found] += 1
        release = " ".join(x for x in (known.at_least and f"from {known.at_least}", known.below and f"below {known.below}") if x)
        words = f"{known.name}: {known.engine} {release or 'any release'}, {known.verdict} of {known.blame}, {known.property}: {found}"
        console.print(f"{words}{f' ({known.link})' if known.link else ''}", markup=False, soft_wrap=True)
        for stray in known.strays():
            console.print(f"warning: {known.name} names {stray}, which does not exist: it can explain nothing", markup=False)
    for engine in engines:
        if not any(known.engine == engine for known in told):
            console.print(f"warning: nothing is declared of {engine!r}", markup=False)
    console.print(", ".join(f"{n} {what}" for what, n in counts.items()) or "none", markup=False)
    return int(any(found.startswith((RIGHT, CHANGED)) for found in counts))
