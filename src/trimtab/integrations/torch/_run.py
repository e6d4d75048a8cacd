"""One training of a network: everything that the ways to differentiate it share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import torch
from torch import nn

from trimtab.integrations.torch._adam import Adam
from trimtab.integrations.torch._batches import Batches, Form, stream, take_apart
from trimtab.integrations.torch._hyperparameters import Hyperparameters, Layout
from trimtab.integrations.torch._network import Network
from trimtab.integrations.torch._open_layers import open_dropout
from trimtab.integrations.torch._refusals import check_layers
from trimtab.integrations.torch._settings import Scale, Settings, Shape
from trimtab.integrations.torch._sgd import SGD

__all__ = ["Optimizer", "Run"]

Optimizer = SGD | Adam


class Run:
    """One model, from its first weights on.

    model: changed by the training. params: flat names of n hyperparameters; wrt: the p that are asked for. cast: whether floats of a batch
    get the weights' type. read: names of hyperparameters that something reads.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[..., Any],
        source: Batches,
        validation: Callable[..., Any],
        optimizer: Optimizer,
        params: Mapping[str, float],
        wrt: tuple[str, ...],
        *,
        steps: int | None,
        epochs: int | None,
        cast: bool,
    ) -> None:
        self.model, self.loss, self.validation, self.optimizer, self.wrt = model, loss, validation, optimizer, wrt
        self.source, self._cast, self._steps, self._epochs = source, cast, steps, epochs
        self.read: set[str] = set()
        check_layers(model)
        open_dropout(model)
        self.layout = Layout.of(tuple(params))
        trained = {name: w for name, w in model.named_parameters() if w.requires_grad}
        self.like = next(iter(trained.values()), torch.zeros(())).detach()
        self.vector = torch.tensor(list(params.values()), dtype=torch.float64).to(self.like)
        self.h = Hyperparameters(self.vector, self.layout, self.read)
        self.settings = Settings(
            given={name: getattr(optimizer, name) for name in optimizer.defaults},
            defaults=optimizer.defaults,
            layout=self.layout,
            point=torch.tensor(list(params.values()), dtype=torch.float64),
            wrt=tuple(list(params).index(name) for name in wrt),
            shape=Shape(tuple(trained), tuple(w.numel() for w in trained.values()), self.like),
            used=self.read,
        )

    @cached_property
    def network(self) -> Network:
        """The model as pure functions. From then on the model is for them alone."""
        return Network(self.model, self.loss, self.layout, self.read)

    @property
    def steps(self) -> int | None:
        """How many steps there will be; None where that is known only at the end."""
        if self._steps is not None:
            return self._steps
        try:
            source: Any = self.source
            return len(source) * (1 if self._epochs is None else self._epochs)
        except TypeError:
            return None

    def parts(self) -> Iterator[tuple[list[torch.Tensor], Form]]:
        """The batches of the training, taken apart."""
        return (self.part(batch) for batch in stream(self.source, self._steps, self._epochs))

    def part(self, batch: Any) -> tuple[list[torch.Tensor], Form]:
        """A batch's tensors, on the model's device, and the rest of it."""
        return take_apart(batch, self.like, self._cast)

    def group(self, step: int, k: int) -> dict[str, Any]:
        """The settings of the k-th tensor of weights, as torch.optim takes them."""
        values = self.settings.raw(step)
        return self.optimizer.group({name: float(v[k] if v.ndim else v) for name, v in values.items()})

    def at(self, step: int) -> tuple[dict[str, Scale], dict[str, list[tuple[int, Scale]]]]:
        """The settings of a step for each weight, and their slopes."""
        if step == 0 or self.settings.moves:
            for k in range(len(self.network.names)):
                self.group(step, k)  # refuses what does not fit together
        return self.settings.at(step)

    @cached_property
    def dh(self) -> torch.Tensor:
        """(p, n) derivatives of all hyperparameters for those that are asked for."""
        return torch.eye(len(self.layout.names), dtype=self.like.dtype, device=self.like.device)[
            list(self.settings.wrt)
        ]

    def gradient(self, form: Form, *tensors: torch.Tensor) -> Any:
        """Network.gradient of w, moving, counting, h, batch."""
        m, c = len(self.network.moving), len(self.network.counting)
        (w,), moving, counting, (h,), batch = _apart(tensors, 1, m, c, 1)
        return self.network.gradient(w, moving, counting, h, batch, form)

    def columns(self, form: Form, *tensors: torch.Tensor) -> Any:
        """Network.columns of w, moving, counting, h, dw, dmoving, dh, batch."""
        m, c = len(self.network.moving), len(self.network.counting)
        (w,), moving, counting, (h, dw), dmoving, (dh,), batch = _apart(tensors, 1, m, c, 2, m, 1)
        return self.network.columns(w, moving, counting, h, dw, dmoving, dh, batch, form)


def _apart(tensors: tuple[torch.Tensor, ...], *sizes: int) -> Iterator[tuple[torch.Tensor, ...]]:
    """The tensors in pieces of these sizes, and what is left."""
    for size in sizes:
        yield tensors[:size]
        tensors = tensors[size:]
    yield tensors
