"""The table of ops: in which dtypes each engine has each op, and, from a run's record, what was judged of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from gradproof.oracles.catalogue import CATALOGUE, COMPLEX
from gradproof.oracles.catalogue.complexes import PREFIX
from gradproof.oracles.engine import ORDER_MAX, Engine
from gradproof.oracles.formats import PARTS
from gradproof.oracles.modes import MODES
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.trial import capabilities, supports
from gradproof.oracles.verdict import Kind
from gradproof.reports import record as records
from gradproof.reports.record import CASE, Record
from gradproof.terminal import console

SHORT = {"float64": "64", "float32": "32", "float16": "16", "bfloat16": "b16", "complex128": "c128", "complex64": "c64"}
REAL = tuple(d for d in SHORT if d not in PARTS)
NAMES = tuple(CATALOGUE) + tuple(name for name in COMPLEX if name.removeprefix(PREFIX) not in CATALOGUE)  # a line each
Judged = Mapping[str, Mapping[int, Counter[str]]]  # by op, then order: verdicts


def defined(name: str) -> tuple[str, ...]:
    """The dtypes that an op has a meaning in."""
    return (*(REAL if name in CATALOGUE else ()), *(PARTS if PREFIX + name.removeprefix(PREFIX) in COMPLEX else ()))


def dtypes(engine: Engine, name: str) -> tuple[str, ...]:
    """Those of them in which the engine has it."""
    pairs = PREFIX + name.removeprefix(PREFIX)
    return tuple(d for d in defined(name) if d in capabilities(engine).dtypes and supports(engine, pairs if d in PARTS else name, d))


def cell(engine: Engine, name: str) -> str:
    """A word for each dtype: its short name, ``·`` where the op has a meaning and the engine has it not, blank where it has none."""
    have, meant = dtypes(engine, name), defined(name)
    return " ".join((short if d in have else "·" if d in meant else "").ljust(len(short)) for d, short in SHORT.items())


def judged(record: Record, engine: str) -> Judged:
    """The verdicts of whole cases and of modes, by op and order."""
    found: dict[str, dict[int, Counter[str]]] = {}
    for entry in record.entries:
        mode = MODES.get(entry.property)
        if entry.engine == engine and (entry.property == CASE or mode):
            orders = found.setdefault(entry.op.removeprefix(PREFIX), {})
            orders.setdefault(mode.order if mode else 1, Counter()).update(entry.counts)
    return found


def told(verdicts: Judged, name: str) -> str:
    """How many cases of an op were decided at each order, and what failed."""
    orders = verdicts.get(name.removeprefix(PREFIX), {})
    words = [f"order {n}: {_decided(c)}{_failing(c)}" for n, c in sorted(orders.items()) if _decided(c) or _failing(c)]
    return ", ".join(words) or "not judged"


def _decided(counts: Mapping[str, int]) -> int:
    return sum(n for kind, n in counts.items() if Kind(kind).decided)


def _failing(counts: Mapping[str, int]) -> str:
    failing = sum(n for kind, n in counts.items() if Kind(kind).fails)
    return f" ({failing} failing)" if failing else ""


def ops(engines: Sequence[str], run: Path | None) -> int:
    """Print the table and, for each engine, what it lacks, by name; the exit code is 0."""
    subjects = {name: by_name(name) for name in engines}
    record = records.read(run) if run else None
    verdicts = {name: judged(record, name) for name in engines} if record else {}
    rows = []
    for name in NAMES:
        row = CATALOGUE.get(name) or COMPLEX[name]
        cells = [text for who, subject in subjects.items() for text in (cell(subject, name), *([told(verdicts[who], name)] if record else []))]
        rows.append((row.family, name.removeprefix(PREFIX), row.kinks, *cells))
    heads = [head for name in engines for head in (name, *(["judged"] if record else []))]
    lines = [("family", "op", "kinks", *heads), *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:  # never folded: a line is an op, also where it is written to a file
        console.print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip(), markup=False)
    for name, subject in subjects.items():
        _lacking(name, subject)
        if record:
            _open(name, verdicts[name])
    alone = [o for o in NAMES if not any(d in PARTS for d in defined(o))]
    console.print(f"real numbers alone ({len(alone)}; an order, a real function, or made of ops that are judged on pairs): {', '.join(alone)}", soft_wrap=True)
    counts = Counter((CATALOGUE.get(name) or COMPLEX[name]).family for name in NAMES)
    console.print(f"{len(NAMES)} ops: " + ", ".join(f"{n} {family}" for family, n in counts.items()))
    return 0


def _lacking(name: str, subject: Engine) -> None:
    """A line for each dtype: how many of the ops that have a meaning in it, and the names of the others."""
    for d in SHORT:
        meant = [o for o in NAMES if d in defined(o)]
        lacks = [o for o in meant if d not in dtypes(subject, o)]
        if d not in capabilities(subject).dtypes:
            console.print(f"{name} {d}: not declared", markup=False)
            continue
        said = f"; lacks {', '.join(lacks)}" if lacks else ""
        console.print(f"{name} {d}: {len(meant) - len(lacks)} of {len(meant)}{said}", markup=False)
    offered = [mode for mode in MODES if mode in capabilities(subject).modes]
    orders = Counter(MODES[mode].order for mode in offered)
    words = ", ".join(f"{orders[n]} of order {n}" for n in range(1, ORDER_MAX + 1) if orders[n])
    console.print(f"{name} modes, for any op: {words} (gradproof properties)", markup=False)


def _open(name: str, verdicts: Judged) -> None:
    """A line for each order: how many ops were judged at it, and the names of the others."""
    for n in range(1, ORDER_MAX + 1):
        left = [o for o in NAMES if not _decided(verdicts.get(o.removeprefix(PREFIX), {}).get(n, {}))]
        said = f"; not {', '.join(left)}" if 0 < len(left) < len(NAMES) else ""
        console.print(f"{name} judged at order {n}: {len(NAMES) - len(left)} of {len(NAMES)} ops{said}", markup=False)
