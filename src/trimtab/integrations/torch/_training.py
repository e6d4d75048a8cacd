"""A PyTorch training as a function of its hyperparameters, with their exact derivatives."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from trimtab.errors import InputError
from trimtab.integrations.torch import _random
from trimtab.integrations.torch._adam import Adam
from trimtab.integrations.torch._adamw import AdamW
from trimtab.integrations.torch._batches import Batches
from trimtab.integrations.torch._conjugate_gradients import ConjugateGradients
from trimtab.integrations.torch._forward import forward
from trimtab.integrations.torch._hyperparameters import flatten, select
from trimtab.integrations.torch._implicit import Solver, implicit
from trimtab.integrations.torch._network import cast_inputs, with_hyperparameters
from trimtab.integrations.torch._neumann import Neumann
from trimtab.integrations.torch._nystrom import Nystrom
from trimtab.integrations.torch._plain import plain
from trimtab.integrations.torch._refusals import check_read, explained
from trimtab.integrations.torch._reverse import reverse
from trimtab.integrations.torch._run import Optimizer, Run
from trimtab.integrations.torch._sgd import SGD
from trimtab.sensitivity import Trained

__all__ = ["Training"]

FEW = 12  # hyperparameters up to which forward mode is chosen: reverse mode costs about as much as so many tangents
METHODS = ("auto", "forward", "reverse", "implicit")
OPTIMIZERS: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training that can be called with hyperparameters: what `hypergradient` differentiates, for loops and studies of one's own.

        training = Training(model=make, loss=loss, batches=batches, validation=validation, optimizer="sgd", epochs=5)
        trained = training({"lr": 0.1, "momentum": 0.9}, seed=0, wrt=("lr",))
        trained.value, trained.gradient["lr"]

    The arguments are those of `hypergradient`. Called without wrt it trains as usual, with torch.optim, and gives the value only.
    """

    model: nn.Module | Callable[[], nn.Module]
    loss: Callable[..., torch.Tensor]
    batches: Batches
    validation: Callable[[nn.Module], torch.Tensor]
    optimizer: str | type | Optimizer = "adam"
    steps: int | None = None
    epochs: int | None = None
    method: str | Solver = "auto"
    dtype: torch.dtype | None = None

    def __post_init__(self) -> None:
        if self.steps is not None and self.epochs is not None:
            raise InputError(f"Give steps or epochs, not both; got steps={self.steps!r}, epochs={self.epochs!r}.")
        for name, value in (("steps", self.steps), ("epochs", self.epochs)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise InputError(f"{name} must be a whole number >= 1 or None, got {value!r}.")
        if not isinstance(self.method, ConjugateGradients | Neumann | Nystrom) and self.method not in METHODS:
            raise InputError(
                f"method must be one of {METHODS}, or ConjugateGradients(...), Neumann(...), Nystrom(...); got {self.method!r}."
            )
        if self.dtype is not None and not self.dtype.is_floating_point:
            raise InputError(f"dtype must be a type of floats such as torch.float64, got {self.dtype!r}.")
        resolve(self.optimizer)

    def __call__(self, params: Mapping[str, Any], seed: int = 0, wrt: tuple[str, ...] = ()) -> Trained:
        """Train once. params: the hyperparameters, flat or nested; wrt: the names to differentiate for."""
        flat = flatten(params)
        names = select(wrt, flat) if wrt else ()
        with _random.seeded(seed):
            run = self._run(flat, names)
            trained = self._differentiated(run) if names else Trained(plain(run))
        unread = set(run.layout.places) - run.read
        check_read(unread, run.model, type(run.optimizer).__name__, run.optimizer.defaults)
        return trained

    def _differentiated(self, run: Run) -> Trained:
        fused_attention_has_no_second_derivatives = sdpa_kernel(SDPBackend.MATH)
        with explained(), fused_attention_has_no_second_derivatives, warnings.catch_warnings():
            for expected in (
                "There is a performance drop",
                "`torch.jit",
            ):  # some operations run one by one; torch.func's own
                warnings.filterwarnings("ignore", message=expected)
            return self._by_method(run)

    def _by_method(self, run: Run) -> Trained:
        if isinstance(self.method, str):
            method = self.method
            if method == "auto":
                method = "forward" if len(run.wrt) <= FEW else "reverse"
            if method != "implicit":
                return forward(run) if method == "forward" else reverse(run)
        return implicit(run, ConjugateGradients() if isinstance(self.method, str) else self.method)

    def _run(self, flat: Mapping[str, float], wrt: tuple[str, ...]) -> Run:
        model = copy.deepcopy(self.model) if isinstance(self.model, nn.Module) else self.model()
        if not isinstance(model, nn.Module):
            raise InputError(f"model must be an nn.Module or a function that makes one, got {type(model).__name__}.")
        if self.dtype is not None:
            cast_inputs(model, self.dtype)
        return Run(
            model, with_hyperparameters(self.loss), self.batches, self.validation, resolve(self.optimizer), flat, wrt,
            steps=self.steps, epochs=self.epochs, cast=self.dtype is not None,
        )  # fmt: skip


def resolve(optimizer: str | type | Optimizer) -> Optimizer:
    """The optimiser that a name, a class of torch.optim or one of ours stands for. InputError says which there are."""
    if isinstance(optimizer, SGD | Adam):
        return optimizer
    name = optimizer if isinstance(optimizer, str) else getattr(optimizer, "__name__", type(optimizer).__name__)
    if name.lower() in OPTIMIZERS and (isinstance(optimizer, str) or optimizer is OPTIMIZERS[name.lower()].original):
        return OPTIMIZERS[name.lower()]()
    if name.lower() == "lbfgs":
        instead = "Train with Adam or SGD; at a converged minimum method='implicit' gives the same hypergradients for the loss's own terms"
    elif isinstance(optimizer, torch.optim.Optimizer):
        instead = "An optimiser object belongs to one model: give its class or a name, and its settings in at"
    else:
        instead = (
            "For others compare values by finite differences, or write the step yourself: see docs/hypergradients.md"
        )
    raise InputError(
        f"optimizer must be 'sgd', 'adam' or 'adamw', SGD(...), Adam(...) or AdamW(...); got {name}. {instead}."
    )
