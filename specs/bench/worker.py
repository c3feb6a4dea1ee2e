"""The process of one engine: it makes workloads and times them when told, a line of JSON in and one out."""

from __future__ import annotations

import json
import os
import resource
import sys
import tracemalloc
from pathlib import Path
from typing import Any

from gradproof.oracles.errors import GradproofError
from gradproof.specs.bench import ways
from gradproof.specs.bench.workloads import WORKLOADS


def main(name: str, core: int) -> None:
    """Answer until the input ends. What a framework prints goes to the error stream."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    if core >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    run: Any = None
    count = 1
    for asked in sys.stdin:
        words = json.loads(asked)
        try:
            if words["do"] == "make":
                run = None  # two workloads are never held at once
                chosen = next(w for w in WORKLOADS if w.name == words["workload"])
                run = ways.way(name, chosen, words["size"])
                gradients = ways.told(run.gradients())
                count = ways.repeats(run, words["seconds"])
                answer: dict[str, Any] = {"gradients": gradients, "repeats": count}
            elif words["do"] == "time":
                answer = vars(ways.sample(run, count))
            else:
                answer = _memory(run)
        except GradproofError as error:
            answer = {"error": str(error), "unsupported": True}
        except Exception as error:  # noqa: BLE001 - a foreign engine may raise anything; the table says what
            answer = {"error": f"{type(error).__name__}: {str(error)[:200]}"}
        answers.write(json.dumps(answer) + "\n")


def _memory(run: Any) -> dict[str, Any]:
    """The peak of bytes of one run that Python's allocators know (NumPy's arrays too), and the most the process ever had."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    run.full()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return {"traced": peak, "process": _most()}


def _most() -> int:
    """The most bytes this process ever had. On Linux ``ru_maxrss`` starts from that of the process it was made by."""
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * int(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
