"""What every sampler is: settings that make a state, take in ended trials, and suggest points.

A sampler is a frozen record of settings. Its state is a cache of the trial table: a pure function of (settings,
space, seed, the ended trials in the order in which they ended). So a killed study resumes by replaying its table,
workers need no common state, and nothing is pickled.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.records import TrialTable
from trimtab.space import Space

__all__ = ["Sampler"]


@runtime_checkable
class Sampler(Protocol):
    """One search algorithm. `trimtab.testing.check_sampler` checks what is promised here.

    One that cannot search for any number of objectives says so by an attribute `most_objectives`, such as 1: a study of
    more refuses it at once.
    """

    def init(self, space: Space, seed: int) -> Any:
        """State before any trial. seed: of the study."""
        ...

    def update(self, state: Any, finished: TrialTable) -> Any:
        """State after these newly ended trials (finished, failed, pruned), in the order in which they ended.

        The old state stays valid. Replaying a whole table at once gives the same suggestions as living through it.
        """
        ...

    def suggest(self, state: Any, pending: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        """n points (n, d): snapped, feasible, NaN where inactive; fewer where a finite search has fewer left.

        pending (q, d): trials that were handed out and have not ended.
        rng: `default_rng([seed, trial number])`, the only source of randomness besides the seed given to `init`.
        Raises SearchEnded when nothing is left.
        """
        ...
