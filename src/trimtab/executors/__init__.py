"""Executors: where the objective runs."""

from trimtab.executors._choose import executor_of
from trimtab.executors._cluster import Cluster
from trimtab.executors._dask import Dask
from trimtab.executors._evaluate import evaluate
from trimtab.executors._interrupts import Interrupts
from trimtab.executors._processes import Processes
from trimtab.executors._protocol import Executor, Objective, Outcome, StoppedAtExit
from trimtab.executors._ray import Ray
from trimtab.executors._serial import Serial

__all__ = [
    "Cluster",
    "Dask",
    "Executor",
    "Interrupts",
    "Objective",
    "Outcome",
    "Processes",
    "Ray",
    "Serial",
    "StoppedAtExit",
    "evaluate",
    "executor_of",
]
