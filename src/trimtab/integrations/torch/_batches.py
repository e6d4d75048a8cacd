"""The batches of a training, in order, and the taking apart of one batch into its tensors."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch.utils import _pytree

from trimtab.errors import InputError

__all__ = ["Batches", "Form", "epoch", "stream", "take_apart"]

Batches = Iterable[Any] | Callable[[], Iterable[Any]]
_PLAIN = (int, float, str, bool, type(None), torch.dtype, torch.device)


def stream(batches: Batches, steps: int | None, epochs: int | None) -> Iterator[Any]:
    """All batches of a training: so many steps, or so many epochs; one epoch where neither is given."""
    if steps is None:
        for _ in range(1 if epochs is None else epochs):
            yield from epoch(batches)
        return
    while steps > 0:
        for batch in islice(epoch(batches), steps):
            steps -= 1
            yield batch


def epoch(batches: Batches) -> Iterator[Any]:
    """The batches of one epoch. InputError where there are none, or where they can be gone through once only."""
    source = batches() if callable(batches) else batches
    if not isinstance(source, Iterable):
        raise InputError(
            "batches must be a list of batches, a DataLoader, or a function without arguments that gives one epoch's batches, "
            f"got {type(source).__name__}."
        )
    if not callable(batches) and isinstance(source, Iterator):
        raise InputError(
            "batches can be gone through only once, and a training is run several times. Give list(batches), a DataLoader, "
            "or a function without arguments that begins a new epoch."
        )
    empty = True
    for batch in source:
        empty = False
        yield batch
    if empty:
        raise InputError("batches has no batch.")


@dataclass(frozen=True, slots=True)
class Form:
    """All of a batch except its tensors.

    spec    how the parts nest; None for a tuple or list of tensors, whose constants are its type and its length
    key     equal for batches of one form; None where it holds objects that cannot be told apart
    """

    spec: Any
    constants: tuple[Any, ...]
    key: Hashable

    def put_together(self, tensors: Sequence[torch.Tensor]) -> Any:
        """The batch with these tensors."""
        if self.spec is None:
            return self.constants[0](tensors)
        rest = iter(tensors)
        return _pytree.tree_unflatten([next(rest) if c is _TENSOR else c for c in self.constants], self.spec)


def take_apart(batch: Any, like: torch.Tensor, cast: bool) -> tuple[list[torch.Tensor], Form]:
    """The batch's tensors on the device of `like`, and the rest. cast: floats get the type of `like` too."""
    kind = type(batch)
    if kind in (tuple, list) and all(type(part) is torch.Tensor for part in batch):  # the usual case, in less time
        return [_moved(part, like, cast) for part in batch], Form(None, (kind, len(batch)), (kind, len(batch)))
    leaves, spec = _pytree.tree_flatten(batch)
    tensors = [_moved(leaf, like, cast) for leaf in leaves if isinstance(leaf, torch.Tensor)]
    constants = tuple(_TENSOR if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves)
    known = all(c is _TENSOR or isinstance(c, _PLAIN) for c in constants)
    return tensors, Form(spec, constants, (repr(spec), repr(constants)) if known else None)


class _Tensor:
    """Where a tensor was."""

    def __repr__(self) -> str:
        return "tensor"


_TENSOR = _Tensor()


def _moved(tensor: torch.Tensor, like: torch.Tensor, cast: bool) -> torch.Tensor:
    if cast and tensor.is_floating_point():
        return tensor.to(like)
    return tensor.to(like.device)
