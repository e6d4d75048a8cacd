"""Reverse mode: the derivatives of the validation loss are carried back through the training, from its last step to its first.

Notation
    state_t     weights, the optimiser's slots and running statistics after step t
    a_t         d V / d state_t

a_{t-1} = a_t . d Phi_t / d state, and d V / d h = sum_t a_t . d Phi_t / d h. The cost does not depend on the number of hyperparameters:
choose it for many, such as a learning rate a layer. States are kept at about sqrt(T) of the T steps, and computed again between two.

Source: Maclaurin, Duvenaud and Adams 2015 (arXiv:1502.03492), without its reversed arithmetic; Griewank 1992 for the checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.func import vjp

from trimtab.integrations.torch import _random
from trimtab.integrations.torch._batches import Form
from trimtab.integrations.torch._graph import Traced
from trimtab.integrations.torch._run import Run
from trimtab.integrations.torch._settings import Slopes
from trimtab.sensitivity import Trained

__all__ = ["reverse"]


@dataclass(frozen=True, slots=True)
class _State:
    """Before a step: weights, slots, both kinds of buffers."""

    w: torch.Tensor
    slots: tuple[torch.Tensor, ...]
    moving: tuple[torch.Tensor, ...]
    counting: tuple[torch.Tensor, ...]


def reverse(run: Run) -> Trained:
    """Value and gradients. The batches of the whole training are kept."""
    batches: list[tuple[list[torch.Tensor], Form]] = []
    randoms: list[_random.State] = []
    kept: dict[int, _State] = {}
    gradient = Traced(run.gradient, run.steps)
    w = run.network.start
    state = _State(w, run.optimizer.init(w), (), ())
    apart = 1  # steps between two states that are kept
    for t, batch in enumerate(run.parts()):
        if t == 0:
            moving, counting = run.network.find_moving(run.vector, *batch)
            state = _State(state.w, state.slots, tuple(moving), tuple(counting))
        batches.append(batch)
        randoms.append(_same_or_new(randoms))
        if t % apart == 0:
            kept[t] = state
            if len(kept) > 2 * apart:
                apart *= 2
                kept = {at: old for at, old in kept.items() if at % apart == 0}
        state = _step(run, gradient, state, t, batch)
    value, dw, dmoving = run.network.validate(run.validation, state.w, state.moving, state.counting)

    a: list[torch.Tensor] = [dw, *(torch.zeros_like(slot) for slot in state.slots), *dmoving]
    total = torch.zeros(len(run.wrt), dtype=torch.float64)
    back = Traced(_Back(run), len(batches))
    end = len(batches)
    for begin in sorted(kept, reverse=True):
        states = [kept.pop(begin)]
        for t in range(begin, end - 1):
            _random.restore(randoms[t])
            states.append(_step(run, gradient, states[-1], t, batches[t]))
        for t in range(end - 1, begin - 1, -1):
            _random.restore(randoms[t])
            a, share = _pulled(run, back, states.pop(), t, batches[t], a)
            total += share
        end = begin
    return Trained(value, dict(zip(run.wrt, total.tolist(), strict=True)))


def _step(run: Run, gradient: Traced, state: _State, t: int, batch: tuple[list[torch.Tensor], Form]) -> _State:
    tensors, form = batch
    g, moving, counting = gradient(form, state.w, *state.moving, *state.counting, run.vector, *tensors)
    settings, _ = run.at(t)
    w, slots = run.optimizer.step(state.w, state.slots, g, settings, float(t == 0), t + 1)
    return _State(w, slots, tuple(moving), tuple(counting))


def _pulled(
    run: Run, back: Traced, state: _State, t: int, batch: tuple[list[torch.Tensor], Form], a: Sequence[torch.Tensor]
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """a before step t, and the step's share in the gradients (p,)."""
    tensors, form = batch
    values, slopes = run.at(t)
    numbers = [
        torch.as_tensor(v, dtype=None if isinstance(v, torch.Tensor) else torch.float64) for v in values.values()
    ]
    numbers = [number.to(state.w.device) for number in numbers]
    clock = [torch.tensor(x, dtype=torch.float64, device=state.w.device) for x in (float(t == 0), float(t + 1))]
    before, dh, dnumbers = back(
        form, state.w, *state.slots, *state.moving, *state.counting, run.vector, *numbers, *clock, *a, *tensors
    )
    share = (run.dh.double() @ dh.double()).cpu()
    return before, share + _through(dict(zip(values, dnumbers, strict=True)), slopes, len(run.wrt))


def _through(dsettings: dict[str, torch.Tensor], slopes: Slopes, p: int) -> torch.Tensor:
    """Derivatives for the hyperparameters (p,) from those for the settings."""
    total = torch.zeros(p, dtype=torch.float64)
    for name, columns in slopes.items():
        for j, slope in columns:
            total[j] += float((dsettings[name].double() * slope).sum())
    return total


class _Back:
    """The vector-Jacobian product of one step, as a function of flat tensors."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(self, form: Form, *tensors: torch.Tensor) -> Any:
        run, rest = self._run, list(tensors)
        names = list(run.settings.given)
        k, m, c, s = len(run.optimizer.init(rest[0])), len(run.network.moving), len(run.network.counting), len(names)

        def take(n: int) -> list[torch.Tensor]:
            taken, rest[:] = rest[:n], rest[n:]
            return taken

        (w,), slots, moving, counting, (h,), numbers = take(1), take(k), take(m), take(c), take(1), take(s)
        (first, t), a, batch = take(2), take(1 + k + m), rest

        def step(state: list[torch.Tensor], h: torch.Tensor, numbers: list[torch.Tensor]) -> list[torch.Tensor]:
            w, slots, moving = state[0], state[1 : 1 + k], state[1 + k :]
            g, moving, _ = run.network.gradient(w, moving, counting, h, batch, form)
            w, new = run.optimizer.step(w, slots, g, dict(zip(names, numbers, strict=True)), first, t)
            return [w, *new, *moving]

        done: Any = vjp(step, [w, *slots, *moving], h, numbers)
        return done[1](a)


def _same_or_new(randoms: list[_random.State]) -> _random.State:
    """The present state; the last one again where nothing was drawn since, to keep it once."""
    now = _random.state()
    if randoms and len(randoms[-1]) == len(now) and all(map(torch.equal, now, randoms[-1])):
        return randoms[-1]
    return now
