"""One worker of the torture: evaluates trials of the shared study until the study has all of them.

It is told what to do by one line of JSON on standard input, and writes a line to a file of its own at each step of a trial:
"start", "end" (the objective returned), "told" (the storage has acknowledged it). A line is one write, so a kill leaves
only whole ones. Times are of the machine's monotonic clock, which all processes share.
"""

from __future__ import annotations

import json
import os
import sys
import time

import trimtab as tt

__all__ = ["SPACE", "seconds_of", "value_of"]

SPACE = {"a": tt.Float(0.0, 1.0), "b": tt.Float(0.0, 1.0)}


def seconds_of(a: float) -> float:
    """How long a trial takes: 20 to 60 ms."""
    return 0.02 + 0.04 * a


def value_of(a: float, b: float) -> float:
    """What it returns."""
    return (a - 0.3) ** 2 + b


def main() -> None:
    told = json.loads(sys.stdin.readline())
    stamps = -1

    def stamp(what: str, number: int) -> None:
        nonlocal stamps
        if stamps < 0:  # the file says that this worker is at work
            stamps = os.open(told["stamps"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(stamps, f"{what} {number} {time.monotonic()!r}\n".encode())

    def objective(trial: tt.Trial) -> float:
        stamp("start", trial.number)
        time.sleep(seconds_of(trial["a"]))
        stamp("end", trial.number)
        return value_of(**trial)

    tt.minimize(
        objective,
        SPACE,
        told["trials"],
        storage=told["storage"],
        name="torture",
        sampler="random",
        seed=0,
        catch=(),
        progress=False,
        callbacks=[lambda study, trial: stamp("told", trial.number)],
    )


if __name__ == "__main__":
    main()
