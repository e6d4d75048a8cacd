"""Stochastic gradient descent as a pure function, with the tangents of a step.

Reproduces torch.optim.SGD: weight decay is added to the gradient; the first momentum is the first gradient, without dampening.

Notation
    w       weights (P,)                        dw     their tangents (p, P), one row a hyperparameter
    g       gradient of the loss (P,)           dg     its tangents (p, P)
    b       momentum (P,)                       mu     momentum's factor        tau   dampening

Source: Sutskever et al. 2013, in torch.optim's form: b <- mu b + (1 - tau) g, w <- w - lr b.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from trimtab.errors import InputError
from trimtab.integrations.torch._settings import Scale, Setting, Slopes, add_scaled

__all__ = ["SGD"]


@dataclass(frozen=True, kw_only=True)
class SGD:
    """torch.optim.SGD. Each setting is a number, a function (step, h) -> number, or a dict of numbers by layer.

    Not given: the hyperparameter of that name in `at`, else torch's default (lr 1e-3, all others 0). Steps are counted from 0.
    nesterov: as in torch.optim.SGD; needs momentum > 0 and no dampening.
    """

    lr: Setting = None
    momentum: Setting = None
    dampening: Setting = None
    weight_decay: Setting = None
    nesterov: bool = False

    defaults: ClassVar[Mapping[str, float]] = {"lr": 1e-3, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0}
    in_loss: ClassVar[frozenset[str]] = frozenset(
        {"weight_decay"}
    )  # settings that could be a term of the training loss
    original: ClassVar[type[Any]] = torch.optim.SGD

    def group(self, values: Mapping[str, float]) -> dict[str, Any]:
        """The settings as torch.optim.SGD takes them. InputError where momentum and dampening do not fit together."""
        if values["dampening"] != 0 and (values["momentum"] == 0 or self.nesterov):
            raise InputError(
                f"SGD: dampening={values['dampening']!r} needs momentum > 0 and nesterov=False: torch ignores or refuses it "
                f"otherwise. Got momentum={values['momentum']!r}, nesterov={self.nesterov}."
            )
        if self.nesterov and values["momentum"] <= 0:
            raise InputError(f"SGD: nesterov=True needs momentum > 0, got {values['momentum']!r}.")
        if callable(self.momentum) and values["momentum"] == 0:
            raise InputError(
                "SGD: a schedule of momentum must stay above 0: torch begins anew after steps without momentum."
            )
        return {**values, "nesterov": self.nesterov}

    def init(self, w: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Momentum before the first step."""
        return (torch.zeros_like(w),)

    def step(
        self, w: torch.Tensor, slots: Sequence[torch.Tensor], g: torch.Tensor, s: Mapping[str, Any], first: Any, t: Any
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Weights and momentum after one step. s: the settings; first: 1 at the first step, else 0; t: steps with this one."""
        (b,) = slots
        g = g + s["weight_decay"] * w
        b = s["momentum"] * b + (1 - s["dampening"] * (1 - first)) * g
        return w - s["lr"] * (g + s["momentum"] * b if self.nesterov else b), (b,)

    def tangent(
        self,
        w: torch.Tensor, slots: Sequence[torch.Tensor], g: torch.Tensor, s: Mapping[str, Scale], t: int,
        dw: torch.Tensor, dslots: Sequence[torch.Tensor], dg: torch.Tensor, ds: Slopes,
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:  # fmt: skip
        """One step of weights and momentum; dw, dslots and dg are overwritten with the tangents after it."""
        (b,), (db,) = slots, dslots
        lr, mu, decay = s["lr"], s["momentum"], s["weight_decay"]
        if ds["weight_decay"] or not _is_zero(decay):
            add_scaled(dg, dw, decay)
            for j, slope in ds["weight_decay"]:
                add_scaled(dg[j], w, slope)
            g = g + decay * w
        keep: Scale = 1.0 if t == 1 else 1 - s["dampening"]
        db.mul_(mu)
        add_scaled(db, dg, keep)
        for j, slope in ds["momentum"]:
            add_scaled(db[j], b, slope)
        if t > 1:
            for j, slope in ds["dampening"]:
                add_scaled(db[j], g, -slope)
        b = mu * b + keep * g
        direction = b
        if self.nesterov:
            direction = g + mu * b
            add_scaled(dg, db, mu)
            for j, slope in ds["momentum"]:
                add_scaled(dg[j], b, slope)
        add_scaled(dw, dg if self.nesterov else db, -lr)
        for j, slope in ds["lr"]:
            add_scaled(dw[j], direction, -slope)
        return w - lr * direction, (b,)


def _is_zero(scale: Scale) -> bool:
    return not isinstance(scale, torch.Tensor) and scale == 0
