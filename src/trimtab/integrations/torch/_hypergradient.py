"""The easy entry: hypergradients of a PyTorch training, checked against the training itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from trimtab import sensitivity
from trimtab.integrations.torch._batches import Batches
from trimtab.integrations.torch._hyperparameters import flatten, select
from trimtab.integrations.torch._implicit import Solver
from trimtab.integrations.torch._run import Optimizer
from trimtab.integrations.torch._training import Training
from trimtab.sensitivity import Hypergradient

__all__ = ["hypergradient"]


def hypergradient(
    model: nn.Module | Callable[[], nn.Module],
    loss: Callable[..., torch.Tensor],
    batches: Batches,
    validation: Callable[[nn.Module], torch.Tensor],
    *,
    at: Mapping[str, Any],
    wrt: Sequence[str] | None = None,
    optimizer: str | type | Optimizer = "adam",
    steps: int | None = None,
    epochs: int | None = None,
    method: str | Solver = "auto",
    dtype: torch.dtype | None = None,
    log: Collection[str] | None = None,
    check: str = "cheap",
    seeds: Sequence[int] = (0,),
    step: float | None = None,
    tolerance: float = 0.05,
) -> Hypergradient:
    """d (validation loss) / d (hyperparameter), through the whole training of a PyTorch network.

    Answers "which way, and how much, would each hyperparameter move the validation loss?", for any number of steps.

    model           a function without arguments that makes the network (its first weights follow the seed), or an nn.Module, of which a
                    copy is trained each time
    loss            loss(model, batch, h) or loss(model, batch): the training loss of one batch, a tensor of one number. h has the values of
                    `at` as tensors; whatever it does with them in torch is differentiated
    batches         one epoch's batches in order: a list, a DataLoader, or a function without arguments that gives them
    validation      validation(model): what is judged, after the training, in evaluation mode
    at              the hyperparameters' values. lr, weight_decay and so on go to the optimiser; all others must be read from h. A dict of
                    numbers is one a layer, {"lr": {"0": 0.1, "2": 0.01}}; a list of numbers is a vector
    wrt             names to differentiate for; None: all of `at` that are floats
    optimizer       "sgd", "adam", "adamw", or SGD(...), Adam(...), AdamW(...) with settings fixed or as schedules, such as
                    SGD(lr=lambda step, h: h["lr"] * h["decay"] ** step, momentum=0.9)
    steps, epochs   length of the training; None: one epoch
    method          "forward": exact, cost and memory grow with the hyperparameters. "reverse": exact, cost does not grow with them, memory
                    grows with the square root of the steps. "auto": forward up to 12 hyperparameters, else reverse. "implicit": for what
                    the training loss has (also weight decay, but no learning rate), right at a minimum only; how its system is solved:
                    ConjugateGradients(...), Neumann(...), Nystrom(...)
    dtype           torch.float64 to have the network and all floats it is given in double precision; None: as they are
    log, check, seeds, step, tolerance      as in `trimtab.sensitivity.hypergradient`, which trains again to check the result

    The device is the model's; batches are moved to it. Batch norm's running statistics and other buffers are differentiated too.
    Dropout masks follow from the seed: the hypergradient is that of the training with these masks, and the rate of nn.Dropout has none (see
    RelaxedDropout). Raises InputError, by name, for what has no hypergradient.
    """
    training = Training(
        model=model, loss=loss, batches=batches, validation=validation, optimizer=optimizer,
        steps=steps, epochs=epochs, method=method, dtype=dtype,
    )  # fmt: skip
    flat = flatten(at)
    return sensitivity.hypergradient(
        training, flat, wrt=select(wrt, flat), log=log, check=check, seeds=seeds, step=step, tolerance=tolerance
    )
