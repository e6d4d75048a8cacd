"""torch's random state: trainings with one seed draw the same numbers (initial weights, order of batches, dropout masks)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = ["State", "restore", "seeded", "state"]

State = list[torch.Tensor]


def state() -> State:
    """Of the CPU's generator, and of each GPU's where one is in use."""
    cuda: Any = torch.cuda
    gpus = cuda.get_rng_state_all() if cuda.is_initialized() else []
    return [torch.get_rng_state(), *gpus]


def restore(saved: State) -> None:
    """Go back to a state. GPUs that came into use since are left as they are."""
    torch.set_rng_state(saved[0])
    for device, part in enumerate(saved[1:]):
        torch.cuda.set_rng_state(part, device)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """All of torch's generators begin with `seed`; afterwards they are where they were before."""
    saved = state()
    torch.manual_seed(seed)
    try:
        yield
    finally:
        restore(saved)
