"""What the sampler proposes next, from the study's own log."""

from __future__ import annotations

from typing import Any

import numpy as np

from trimtab.errors import SearchEnded
from trimtab.records import Fold
from trimtab.samplers import Auto, Sampler
from trimtab.samplers._auto import objectives_of
from trimtab.space import Space
from trimtab.study._racing import to_repeat
from trimtab.study._understanding import Turns, Understanding

__all__ = ["Proposals"]


class Proposals:
    """A sampler and its state, which is a cache of the trials that ended so far.

    Raises what the sampler raises for a space that it cannot search.
    """

    def __init__(self, sampler: Sampler, space: Space, seed: int) -> None:
        self.sampler = sampler
        self.seed = seed
        self.understanding = Understanding(seed)
        self._space = space
        self._state = (sampler.init(space, seed), 0)  # and how many ended trials it has seen: one tuple, for Ctrl-C

    def next(self, fold: Fold, repeats: int = 1, turns: Turns | None = None) -> tuple[dict[str, Any], str]:
        """The configuration of the trial that comes next, as it is stored, and its origin: see records.Created.

        repeats: evaluations that a promising configuration may get. turns: of the trials that sharpen the
        sensitivities, if there are any. SearchEnded when nothing is left.
        """
        x = None if turns is None else self.understanding.next(fold, turns)
        if x is not None:
            return self._space.store(x)[0], "understand"
        number = to_repeat(fold, repeats)
        if number is None:
            try:
                return self._new(fold), "sampler"
            except SearchEnded:
                number = to_repeat(fold, repeats, search_is_over=True)
                if number is None:
                    raise
        return dict(fold.stored[number]), "repeat"

    def _new(self, fold: Fold) -> dict[str, Any]:
        """What the sampler proposes."""
        state, seen = self._state
        if seen < len(fold.ended):
            state = self.sampler.update(state, fold.rows(fold.ended[seen:]))
            self._state = (state, len(fold.ended))
        rng = np.random.default_rng([self.seed, fold.n])
        x = self.sampler.suggest(state, fold.pending, 1, rng)
        return self._space.store(np.asarray(x, dtype=float).reshape(1, self._space.d))[0]

    def choice(self, fold: Fold) -> str:
        """Which sampler makes the next suggestion, and where it is chosen trial by trial, why."""
        if not isinstance(self.sampler, Auto):
            return repr(self.sampler)
        pending = len(fold.running) + len(fold.waiting)
        return str(self.sampler.choose(self._space, len(fold.ended), pending, objectives_of(fold.table)))
