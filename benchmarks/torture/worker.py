"""One worker of the torture: evaluates trials of the shared study until the study has all of them.

It writes a line to a file of its own at each step of a trial: "start", "end" (the objective returned), "told" (the storage
has acknowledged it). A line is one write, so a kill leaves only whole ones. Times are of the machine's monotonic clock, which
all processes share.
"""

from __future__ import annotations

import os
import time

import trimtab as tt

__all__ = ["SPACE", "seconds_of", "value_of", "work"]

SPACE = {"a": tt.Float(0.0, 1.0), "b": tt.Float(0.0, 1.0)}


def seconds_of(a: float) -> float:
    """How long a trial takes: 20 to 60 ms."""
    return 0.02 + 0.04 * a


def value_of(a: float, b: float) -> float:
    """What it returns."""
    return (a - 0.3) ** 2 + b


def work(storage: str, trials: int, lease: float, stamps: str) -> None:
    """stamps: the file to write to; what goes wrong is in the file of that name with ".err"."""
    errors = os.open(f"{stamps}.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(errors, 1)
    os.dup2(errors, 2)
    os.environ["TRIMTAB_LEASE"] = str(lease)
    file = os.open(stamps, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def stamp(what: str, number: int) -> None:
        os.write(file, f"{what} {number} {time.monotonic()!r}\n".encode())

    def objective(trial: tt.Trial) -> float:
        stamp("start", trial.number)
        time.sleep(seconds_of(trial["a"]))
        stamp("end", trial.number)
        return value_of(**trial)

    tt.minimize(
        objective,
        SPACE,
        trials,
        storage=storage,
        name="torture",
        sampler="random",
        seed=0,
        catch=(),
        progress=False,
        callbacks=[lambda study, trial: stamp("told", trial.number)],
    )
