"""What has no hypergradient, by name, and what to use instead."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.modules.lazy import LazyModuleMixin

from trimtab.errors import InputError

__all__ = ["check_layers", "check_read", "explained", "random_layers"]

_RANDOM = (nn.modules.dropout._DropoutNd, nn.RReLU, nn.FractionalMaxPool2d, nn.FractionalMaxPool3d)


def check_layers(model: nn.Module) -> None:
    """InputError for a layer whose state changes where derivatives cannot follow."""
    for name, layer in model.named_modules():
        lazy: Any = layer
        kind, where = type(layer).__name__, f"{name!r}" if name else "the model"
        if isinstance(layer, _InstanceNorm) and layer.track_running_stats:
            instead = "nn.BatchNorm, or track_running_stats=False"
        elif isinstance(layer, nn.SyncBatchNorm):
            instead = "nn.BatchNorm on one device"
        elif kind == "_SpectralNorm":
            instead = "a penalty on the weights in the training loss"
        elif isinstance(layer, nn.RReLU):
            instead = "nn.LeakyReLU or nn.PReLU"
        elif isinstance(layer, nn.MultiheadAttention) and layer.dropout > 0:
            kind, instead = "MultiheadAttention with dropout", "dropout=0 and nn.Dropout on its result"
        elif any(type(hook).__name__ == "WeightNorm" for hook in layer._forward_pre_hooks.values()):
            kind, instead = f"{kind} with nn.utils.weight_norm", "nn.utils.parametrizations.weight_norm"
        elif any(type(hook).__name__ == "SpectralNorm" for hook in layer._forward_pre_hooks.values()):
            kind, instead = f"{kind} with nn.utils.spectral_norm", "a penalty on the weights in the training loss"
        elif isinstance(layer, LazyModuleMixin) and lazy.has_uninitialized_params():
            instead = "the layer with its sizes written out, or run the model once before"
        elif isinstance(layer, nn.RNNBase):
            instead = "cells in a loop (nn.LSTMCell, nn.GRUCell, nn.RNNCell): torch cannot differentiate the fused ones so often"
        else:
            continue
        raise InputError(f"{where} is a {kind}, which a hypergradient cannot go through. Use {instead}.")


@contextmanager
def explained() -> Iterator[None]:
    """torch's errors for operations that cannot be differentiated so often, as InputError."""
    try:
        yield
    except RuntimeError as error:
        what = str(error).splitlines()[0] if str(error) else ""
        if re.search(
            r"forward AD|vmap: we do not yet support|does not have vmap support|vmap over calling \.item|randomness",
            what,
        ):
            instead = "Use method='reverse', or another operation in the model or the loss"
        elif re.search(
            r"derivative for .* is not implemented|is not differentiable with respect|does not (yet )?support double backward",
            what,
        ):
            instead = "Use another operation in the model or the loss, or tt.sensitivity.finite_difference"
        else:
            raise
        raise InputError(
            f"torch cannot differentiate an operation of this training: {what.rstrip('.')}. {instead}."
        ) from error


def random_layers(model: nn.Module) -> list[str]:
    """Kinds of layers that draw random numbers while training."""
    return sorted({type(layer).__name__ for layer in model.modules() if isinstance(layer, _RANDOM) or _relaxed(layer)})


def check_read(unread: Collection[str], model: nn.Module, optimizer: str, settings: Iterable[str]) -> None:
    """InputError for hyperparameters that neither the optimiser nor the loss reads."""
    if not unread:
        return
    name = sorted(unread)[0]
    hint = (
        f"{optimizer} has the settings {', '.join(settings)}; anything else must be read as h[{name!r}] by the training loss or a "
        "schedule. What shapes the network or the data (a number of units, a batch size, epochs) has no gradient: compare values with "
        "tt.sensitivity.one_at_a_time on a study."
    )
    if "dropout" in name.lower() and any(isinstance(m, nn.modules.dropout._DropoutNd) for m in model.modules()):
        hint = (
            "nn.Dropout's masks jump as p changes, so p has no gradient. Put "
            f"trimtab.integrations.torch.RelaxedDropout({name!r}) in its place, or compare values of p by finite differences."
        )
    raise InputError(f"at[{name!r}] is read by nothing, so it has no gradient. {hint}")


def _relaxed(layer: nn.Module) -> bool:
    return type(layer).__name__ == "RelaxedDropout"
