"""What the sampler proposes next, from the study's own log."""

from __future__ import annotations

from typing import Any

import numpy as np

from trimtab.records import RUNNING, Fold
from trimtab.samplers import Sampler
from trimtab.space import Space

__all__ = ["Proposals"]


class Proposals:
    """A sampler and its state, which is a cache of the trials that ended so far.

    Raises what the sampler raises for a space that it cannot search.
    """

    def __init__(self, sampler: Sampler, space: Space, seed: int) -> None:
        self.sampler = sampler
        self.seed = seed
        self._space = space
        self._state = (sampler.init(space, seed), 0)  # and how many ended trials it has seen: one tuple, for Ctrl-C

    def next(self, fold: Fold) -> dict[str, Any]:
        """The configuration of the trial that comes next, as it is stored. SearchEnded when nothing is left."""
        table = fold.table
        state, seen = self._state
        if seen < len(fold.ended):
            state = self.sampler.update(state, table.where(np.array(fold.ended[seen:])))
            self._state = (state, len(fold.ended))
        rng = np.random.default_rng([self.seed, fold.n])
        x = self.sampler.suggest(state, table.x[table.state <= RUNNING], 1, rng)
        return self._space.store(np.asarray(x, dtype=float).reshape(1, self._space.d))[0]
