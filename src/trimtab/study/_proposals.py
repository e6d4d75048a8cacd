"""What the sampler proposes next, from the study's own log."""

from __future__ import annotations

from typing import Any

import numpy as np

from trimtab.records import RUNNING, Fold
from trimtab.samplers import Sampler
from trimtab.space import Space

__all__ = ["Proposals"]


class Proposals:
    """A sampler and its state, which is a cache of the trials that ended so far."""

    def __init__(self, sampler: Sampler, space: Space, seed: int) -> None:
        self.sampler = sampler
        self._space = space
        self._seed = seed
        self._state = sampler.init(space, seed)
        self._seen = 0

    def next(self, fold: Fold) -> dict[str, Any]:
        """The configuration of the trial that comes next, as it is stored. SearchEnded when nothing is left."""
        table = fold.table
        if self._seen < len(fold.ended):
            self._state = self.sampler.update(self._state, table.where(np.array(fold.ended[self._seen :])))
            self._seen = len(fold.ended)
        rng = np.random.default_rng([self._seed, fold.n])
        x = self.sampler.suggest(self._state, table.x[table.state <= RUNNING], 1, rng)
        return self._space.store(np.asarray(x, dtype=float).reshape(1, self._space.d))[0]
