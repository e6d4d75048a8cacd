"""A model and its training loss as pure functions of a flat vector of weights, with gradients and their tangents.

Notation
    w            weights that are trained (P,)               h      hyperparameters (n,)
    moving       buffers that training changes, such as running means; counting: those of whole numbers
    g            d loss / d w (P,)                           p      columns, one a hyperparameter
    dw, dh, ...  tangents, one row a column: dw (p, P)

The tangents of g are Hessian-vector products plus d g / d h: forward mode over reverse mode, all columns at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.func import functional_call, grad, jvp, vmap

from trimtab.errors import InputError
from trimtab.integrations.torch import _random
from trimtab.integrations.torch._batches import Form
from trimtab.integrations.torch._hyperparameters import Hyperparameters, Layout
from trimtab.integrations.torch._open_layers import open_up
from trimtab.integrations.torch._open_losses import OpenLosses
from trimtab.integrations.torch._relaxed_dropout import RelaxedDropout

__all__ = ["Network", "call_loss", "cast_inputs", "one_number", "with_hyperparameters"]

Tensors = Sequence[torch.Tensor]


def call_loss(loss: Callable[..., Any], model: nn.Module, batch: Any, h: Hyperparameters) -> torch.Tensor:
    """The training loss. InputError unless it is one number."""
    for layer in model.modules():
        if isinstance(layer, RelaxedDropout) and layer.name is not None:
            layer.p = h[layer.name]
    with OpenLosses():
        return one_number("The training loss", loss(model, batch, h))


def with_hyperparameters(loss: Callable[..., Any]) -> Callable[..., Any]:
    """The loss as loss(model, batch, h), also where it takes no h."""
    try:
        inspect.signature(loss).bind(None, None, None)
    except TypeError:
        return lambda model, batch, h: loss(model, batch)
    except ValueError:  # of a function that does not tell
        pass
    return loss


def cast_inputs(model: nn.Module, dtype: torch.dtype) -> None:
    """Have the model compute in dtype whatever floats it is given."""

    def cast(module: nn.Module, args: Any, kwargs: Any) -> Any:
        def floats(x: Any) -> Any:
            return x.to(dtype) if isinstance(x, torch.Tensor) and x.is_floating_point() else x

        return tuple(floats(a) for a in args), {name: floats(a) for name, a in kwargs.items()}

    model.to(dtype).register_forward_pre_hook(cast, with_kwargs=True)


class Network:
    """The model, in training mode, that all functions run; its own tensors stay as they were when it was made."""

    def __init__(self, model: nn.Module, loss: Callable[..., Any], layout: Layout, read: set[str]) -> None:
        open_up(model)
        self._bound, self._loss, self._layout, self._read = _Bound(model.train()), loss, layout, read
        trained = {name: weights for name, weights in model.named_parameters() if weights.requires_grad}
        if not trained:
            raise InputError("The model has no weights that require gradients, so there is nothing to train.")
        kinds = {(weights.dtype, weights.device) for weights in trained.values()}
        if len(kinds) > 1:
            raise InputError(
                f"All weights that are trained must have one type and one device, got {sorted(map(str, kinds))}."
            )
        self.names = tuple(trained)
        self.shapes = tuple(weights.shape for weights in trained.values())
        self.sizes = tuple(weights.numel() for weights in trained.values())
        self.start = torch.cat([weights.detach().reshape(-1) for weights in trained.values()])
        self.moving: tuple[str, ...] = ()
        self.counting: tuple[str, ...] = ()

    @property
    def model(self) -> nn.Module:
        return self._bound.model

    def find_moving(
        self, h: torch.Tensor, tensors: Tensors, form: Form
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Which buffers one step of training changes; their present values, moving and counting."""
        before = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        self.moving, self.counting = tuple(before), ()
        random = _random.state()
        with torch.no_grad():
            _, after = self._call(self._split(self.start), [b.clone() for b in before.values()], (), h, tensors, form)
        _random.restore(random)
        changed = [name for name, new in zip(before, after, strict=True) if not torch.equal(before[name], new)]
        self.moving = tuple(name for name in changed if before[name].is_floating_point())
        self.counting = tuple(name for name in changed if not before[name].is_floating_point())
        return [before[name] for name in self.moving], [before[name] for name in self.counting]

    def gradient(
        self, w: torch.Tensor, moving: Tensors, counting: Tensors, h: torch.Tensor, tensors: Tensors, form: Form
    ) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
        """g, and both kinds of buffers after the step."""

        def loss(weights: list[torch.Tensor]) -> tuple[torch.Tensor, list[torch.Tensor]]:
            # copies: the model may change them in place
            return self._call(weights, [b.clone() for b in moving], [c.clone() for c in counting], h, tensors, form)

        g, buffers = grad(loss, has_aux=True)(self._split(w))
        return torch.cat([part.reshape(-1) for part in g]), buffers[: len(moving)], buffers[len(moving) :]

    def columns(
        self,
        w: torch.Tensor, moving: Tensors, counting: Tensors, h: torch.Tensor,
        dw: torch.Tensor, dmoving: Tensors, dh: torch.Tensor, tensors: Tensors, form: Form,
    ) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor], torch.Tensor, list[torch.Tensor]]:  # fmt: skip
        """g and both kinds of buffers after the step, then the tangents of g (p, P) and of the moving buffers (p, ...)."""

        def outputs(w: torch.Tensor, moving: list[torch.Tensor], h: torch.Tensor) -> Any:
            g, after, counted = self.gradient(w, moving, counting, h, tensors, form)
            return (g, after), counted

        def column(dw: torch.Tensor, dmoving: list[torch.Tensor], dh: torch.Tensor) -> Any:
            return jvp(outputs, (w, list(moving), h), (dw, dmoving, dh), has_aux=True)

        at_once: Any = vmap  # what is the same in all columns has no axis for them
        every = at_once(column, out_dims=(None, 0, None), randomness="same")
        (g, after), (dg, dafter), counted = every(dw, list(dmoving), dh)
        return g, after, counted, dg, dafter

    def validate(
        self, validation: Callable[..., Any], w: torch.Tensor, moving: Tensors, counting: Tensors
    ) -> tuple[float, torch.Tensor, list[torch.Tensor]]:
        """The validation loss in evaluation mode, and its gradients for the weights and the moving buffers."""

        def judged(weights: list[torch.Tensor], moving: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
            value, _ = functional_call(self._bound, self._tensors(weights, moving, counting), (validation,))
            value = one_number("The validation loss", value)
            return value, value.detach()

        self.model.eval()
        try:
            (g, dmoving), value = grad(judged, argnums=(0, 1), has_aux=True)(self._split(w), list(moving))
        finally:
            self.model.train()
        return float(value), torch.cat([part.reshape(-1) for part in g]), dmoving

    def _call(
        self,
        weights: list[torch.Tensor],
        moving: Tensors,
        counting: Tensors,
        h: torch.Tensor,
        tensors: Tensors,
        form: Form,
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The training loss, and the buffers after it: the moving ones, then the counting ones."""
        batch, names = form.put_together(tensors), Hyperparameters(h, self._layout, self._read)

        def loss(model: nn.Module) -> torch.Tensor:
            return call_loss(self._loss, model, batch, names)

        value, buffers = functional_call(self._bound, self._tensors(weights, moving, counting), (loss,))
        return value, [buffers[name] for name in (*self.moving, *self.counting)]

    def _tensors(self, weights: Tensors, moving: Tensors, counting: Tensors) -> dict[str, torch.Tensor]:
        named = zip((*self.names, *self.moving, *self.counting), (*weights, *moving, *counting), strict=True)
        return {f"model.{name}": tensor for name, tensor in named}

    def _split(self, w: torch.Tensor) -> list[torch.Tensor]:
        parts = torch.split(w, list(self.sizes))
        return [part.view(shape) for part, shape in zip(parts, self.shapes, strict=True)]


class _Bound(nn.Module):
    """Calls a function of the model, and gives its buffers as they are afterwards."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, function: Callable[[nn.Module], Any]) -> tuple[Any, dict[str, torch.Tensor]]:
        return function(self.model), dict(self.model.named_buffers())


def one_number(what: str, value: Any) -> torch.Tensor:
    if not isinstance(value, torch.Tensor) or value.numel() != 1 or not value.is_floating_point():
        shown = f"shape {tuple(value.shape)}, {value.dtype}" if isinstance(value, torch.Tensor) else repr(value)
        raise InputError(
            f"{what} must be a tensor of one float, got {shown}. Take the mean or the sum, without .item()."
        )
    return value.reshape(())
