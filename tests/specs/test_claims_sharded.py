"""Claim 10 can fail: gradients summed or mixed up, bytes that are not divided, ranks that fail, hang or are not there."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof.oracles.certificate import Certificate, certify
from gradproof.specs import claims_sharded, sharded
from gradproof.specs.claims_sharded import ALONE, GATHERS, SEQUENCE, SHARES
from gradproof.specs.sharded import BLOCKS, RANKS, Found, Held, NoGroup

COLUMNS = "down.weight"  # what sequence parallelism splits by columns
ROWS = ("up.weight", "up.bias")


@cache
def certificate(dtype: str) -> Certificate:
    return certify(sharded.case(dtype))


def gradients(dtype: str) -> dict[str, np.ndarray[Any, Any]]:
    """The exact gradients, rounded."""
    entries, made = iter(certificate(dtype).gradient), {}
    for name, a in sharded.arrays(dtype).items():
        if name not in ("x", "y"):
            made[name] = np.array([float(next(entries)) for _ in range(a.size)], dtype).reshape(a.shape)
    return made


def part(way: str, name: str, g: np.ndarray[Any, Any], rank: int) -> tuple[np.ndarray[Any, Any], str]:
    """What a rank has of a gradient, and how it is placed."""
    if way in GATHERS or (way == SEQUENCE and name.endswith((*ROWS, COLUMNS))):
        axis = 1 if way == SEQUENCE and name.endswith(COLUMNS) else 0
        return np.split(g, RANKS, axis)[rank], str(axis)
    if way == SEQUENCE and "norm" in name:
        return g / 2, "sum"
    return g, "whole"


def sound() -> Found:
    """Reports of ranks that do all as they should, made without PyTorch."""
    made: Found = {}
    for dtype in sharded.DTYPES:
        for way in (*SHARES, SEQUENCE):
            for rank in range(RANKS):
                parts = {name: part(way, name, g, rank) for name, g in gradients(dtype).items()}
                calls = {"allgather": GATHERS[way] * BLOCKS, "reduce_scatter": BLOCKS} if way in GATHERS else {}
                sizes = claims_sharded._sizes(way, dtype)
                held = Held(sizes, calls, {n: p for n, (p, _) in parts.items()}, {n: placed for n, (_, placed) in parts.items()})
                made.setdefault((dtype, way), []).append(held)
    return made


def holding(way: str, kind: str, factor: float, rank: int = 1) -> Callable[[Found], None]:
    def spoil(found: Found) -> None:
        ranks = found["float32", way]
        size = int(ranks[rank].bytes[kind] * factor)
        ranks[rank] = replace(ranks[rank], bytes={**ranks[rank].bytes, kind: size})

    return spoil


def scaled(way: str, factor: float, ranks: tuple[int, ...] = (0, 1), dtype: str = "float32") -> Callable[[Found], None]:
    def spoil(found: Found) -> None:
        for rank in ranks:
            held = found[dtype, way][rank]
            g = held.parts["1.up.weight"]
            held.parts["1.up.weight"] = np.asarray(g * g.dtype.type(factor))

    return spoil


def swapped(found: Found) -> None:
    found["float64", "ZeRO-3"].reverse()


def lost(found: Found) -> None:
    del found["float32", "ZeRO-2"][0].parts["0.norm.bias"]


def misshapen(found: Found) -> None:
    parts = found["float32", "ZeRO-3"][0].parts
    parts["0.up.weight"] = parts["0.up.weight"][:, 1:]


def silent(found: Found) -> None:
    found["float64", "DDP"].pop()


def nan(found: Found) -> None:
    found["float64", "ZeRO-3"][1].parts["0.down.bias"][0] = np.nan


def once(found: Found) -> None:
    found["float32", "ZeRO-3"][0] = replace(found["float32", "ZeRO-3"][0], collectives={"allgather": BLOCKS, "reduce_scatter": BLOCKS})


def uneven(found: Found) -> None:
    """A rank may hold more of ZeRO-1's state than the other; together they hold all of it."""
    holding("ZeRO-1", "optimiser state", 0.5, 0)(found)
    holding("ZeRO-1", "optimiser state", 1.5, 1)(found)


def test_sound_reports_agree() -> None:
    row = claims_sharded.told(sound())
    assert row.verdict == "AGREE", row.figure


def test_the_state_of_zero_1_need_not_be_divided_evenly() -> None:
    found = sound()
    uneven(found)
    assert claims_sharded.told(found).verdict == "AGREE"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (scaled("ZeRO-3", 2.0), "ZeRO-3 in float32: the gradient of 1.up.weight"),  # summed, where it should be averaged
        (scaled("ZeRO-3", 1 + 2.0**-12, (1,)), "ZeRO-3 in float32: the gradient of 1.up.weight"),
        (scaled("ZeRO-2", 1 + 2.0**-40, (0,), "float64"), "ZeRO-2 in float64: the gradient of 1.up.weight"),
        (scaled("DDP", 1 + 2.0**-23, (1,)), "DDP in float32: the gradient of 1.up.weight"),  # copies that differ by a bit
        (scaled(SEQUENCE, 1.5), "sequence in float32: the gradient of 1.up.weight"),
        (scaled(ALONE, 1.5), "one device in float32: the gradient of 1.up.weight"),
        (swapped, "ZeRO-3 in float64: the gradient of"),
        (lost, "ZeRO-2 in float32: the gradient of 0.norm.bias"),
        (misshapen, "ZeRO-3 in float32: the gradient of 0.up.weight"),
        (nan, "ZeRO-3 in float64: the gradient of 0.down.bias"),
        (silent, "DDP in float64: 1 of 2 ranks reported"),
        (once, "ZeRO-3 in float32: rank 0 gathered and scattered [2, 2] times, not [4, 2]"),
        (holding("ZeRO-3", "gradients", 2), "ZeRO-3 in float32: rank 1 holds 2,368 bytes of gradients, not 1,184"),
        (holding("ZeRO-3", "parameters between", 3), "ZeRO-3 in float32: rank 1 holds 3,552 bytes of parameters between, not 1,184"),
        (holding("ZeRO-2", "optimiser state", 2), "ZeRO-2 in float32: rank 1 holds 4,736 bytes of optimiser state"),
        (holding("ZeRO-1", "optimiser state", 2), "ZeRO-1 in float32: the ranks hold [2368, 4736] bytes of optimiser state"),
        (holding("ZeRO-3", "activations", 0.5), "ZeRO-3 in float32: rank 1 holds 1,216 bytes of activations, not 2,432"),
        (holding("DDP", "parameters", 0.5), "DDP in float32: rank 1 holds 1,184 bytes of parameters"),
        (holding(SEQUENCE, "activations", 2, 0), "sequence in float32: rank 0 holds 5,888 bytes of activations"),
    ],
)  # fmt: skip
def test_a_fault_makes_claim_10_wrong(spoil: Callable[[Found], None], said: str) -> None:
    found = sound()
    spoil(found)
    row = claims_sharded.told(found)
    assert row.verdict == "WRONG"
    assert row.figure.startswith(said)


SAME_EXAMPLES = """
import sys
from pathlib import Path
from gradproof.oracles.adapters import torch_sharded as ranks

part = ranks._part
ranks._part = lambda whole, way, rank, n: part(whole, way, 0, n)
ranks.WAYS = {"ZeRO-3": ranks.WAYS["ZeRO-3"]}
sys.exit(ranks.main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])))
"""


def test_ranks_that_all_read_the_same_examples_are_seen_by_measuring() -> None:
    pytest.importorskip("torch", reason="PyTorch is what is measured")
    try:
        found = sharded.found([sys.executable, "-P", "-c", SAME_EXAMPLES])
    except NoGroup as why:
        pytest.skip(f"no process group here: {why}")
    faults = list(claims_sharded.faults(found, {"float32": certificate("float32")}))
    of_it = [fault for fault in faults if fault.startswith("ZeRO-3")]
    assert len(of_it) == 1  # its bytes are right
    assert "put together from its parts" in of_it[0]


def program(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_ranks_that_hang_are_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def noted(*args: Any, **kwargs: Any) -> subprocess.Popen[bytes]:
        started.append(popen(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(sharded.subprocess, "Popen", noted)
    with pytest.raises(TimeoutError, match="not done in time"):
        sharded.ran(tmp_path, program("import time; time.sleep(600)"), 0.5)
    assert len(started) == RANKS
    assert all(process.poll() is not None for process in started)


def test_a_rank_that_fails_ends_the_other_and_says_why(tmp_path: Path) -> None:
    text = "import sys, time; sys.exit('the last word') if sys.argv[1] == '1' else time.sleep(600)"
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="rank 1 ended with status 1: the last word"):
        sharded.ran(tmp_path, program(text), 300.0)
    assert time.monotonic() - began < 200.0


@pytest.fixture
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_sharded, "_done", [])


@pytest.mark.usefixtures("nothing_kept")
def test_without_pytorch_the_claim_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_sharded, "find_spec", lambda name: None)
    for row in (claims_sharded.sharding(), claims_sharded.measured()):
        assert row.verdict == "NOT YET SHOWN"
        assert row.how.startswith("needs ")
        assert row.how.endswith("not installed here: PyTorch")


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize(
    ("raised", "verdict", "said"),
    [(NoGroup("gloo is not there"), "NOT YET SHOWN", "gloo is not there"), (RuntimeError("rank 1 ended"), "WRONG", "rank 1 ended")],
)
def test_no_group_leaves_it_open_and_a_rank_that_fails_makes_it_wrong(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, verdict: str, said: str
) -> None:
    def found() -> Found:
        raise raised

    monkeypatch.setattr(claims_sharded, "find_spec", lambda name: object())
    monkeypatch.setattr(claims_sharded, "found", found)
    row = claims_sharded.measured()
    assert row.verdict == verdict
    assert said in row.how + row.figure
    assert claims_sharded.sharding() is row


@pytest.mark.usefixtures("nothing_kept")
def test_the_table_alone_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(sharded.subprocess, "Popen", refused)
    assert claims_sharded.sharding().verdict == "NOT YET SHOWN"


def test_the_table_alone_imports_no_pytorch() -> None:
    text = "import sys; from gradproof.specs import claims; row = claims.claim(10); sys.exit('torch' in sys.modules or row.verdict != 'NOT YET SHOWN')"
    assert subprocess.run([sys.executable, "-P", "-c", text], check=False).returncode == 0
