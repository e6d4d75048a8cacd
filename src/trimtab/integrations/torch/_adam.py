"""Adam as a pure function, with the tangents of a step.

Reproduces torch.optim.Adam: weight decay is added to the gradient; both moments are corrected for their start at 0.

Notation
    w       weights (P,)                        dw     their tangents (p, P), one row a hyperparameter
    g       gradient of the loss (P,)           dg     its tangents (p, P)
    m, v    first and second moment (P,)        a      lr / (1 - beta1^t)
    root    sqrt(v / (1 - beta2^t))             D      root + eps           w <- w - a m / D

The tangent of a step is dw <- dw - (a / D) dm + (a m / D^2) (d root / d v) dv, plus a term for each setting that a hyperparameter moves.
Where v = 0 the gradient was 0 at every step so far, and so was its tangent: d root / d v is taken as 0 there.

Source: Kingma and Ba 2015, algorithm 1 (arXiv:1412.6980), in torch.optim's form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from trimtab.integrations.torch._settings import Scale, Setting, Slopes, add_scaled

__all__ = ["Adam"]


@dataclass(frozen=True, kw_only=True)
class Adam:
    """torch.optim.Adam. Each setting is a number, a function (step, h) -> number, or a dict of numbers by layer.

    Not given: the hyperparameter of that name in `at`, else torch's default (lr 1e-3, beta1 0.9, beta2 0.999, eps 1e-8, weight_decay 0).
    Steps are counted from 0. beta1, beta2: the two betas of torch.optim.Adam.
    """

    lr: Setting = None
    beta1: Setting = None
    beta2: Setting = None
    eps: Setting = None
    weight_decay: Setting = None

    defaults: ClassVar[Mapping[str, float]] = {
        "lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0,
    }  # fmt: skip
    in_loss: ClassVar[frozenset[str]] = frozenset(
        {"weight_decay"}
    )  # settings that could be a term of the training loss
    original: ClassVar[type[Any]] = torch.optim.Adam

    def group(self, values: Mapping[str, float]) -> dict[str, Any]:
        """The settings as torch.optim.Adam takes them."""
        rest = {name: values[name] for name in ("lr", "eps", "weight_decay")}
        return {**rest, "betas": (values["beta1"], values["beta2"])}

    def init(self, w: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Both moments before the first step."""
        return torch.zeros_like(w), torch.zeros_like(w)

    def step(
        self, w: torch.Tensor, slots: Sequence[torch.Tensor], g: torch.Tensor, s: Mapping[str, Any], first: Any, t: Any
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Weights and moments after one step. s: the settings; first: 1 at the first step, else 0; t: steps with this one."""
        w, g = self.decay(w, g, s)
        m, v = slots
        m = m + (1 - s["beta1"]) * (g - m)
        v = s["beta2"] * v + (1 - s["beta2"]) * g * g
        positive = v > 0
        root = torch.where(
            positive, torch.where(positive, v, 1.0).sqrt(), 0.0
        )  # its derivative at 0 is 0, not infinite
        size = s["lr"] / (1 - s["beta1"] ** t)
        return w - size * m / (root / (1 - s["beta2"] ** t) ** 0.5 + s["eps"]), (m, v)

    def tangent(
        self,
        w: torch.Tensor, slots: Sequence[torch.Tensor], g: torch.Tensor, s: Mapping[str, Scale], t: int,
        dw: torch.Tensor, dslots: Sequence[torch.Tensor], dg: torch.Tensor, ds: Slopes,
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:  # fmt: skip
        """One step of weights and moments; dw, dslots and dg are overwritten with the tangents after it."""
        self.decay_tangent(w, dw, dg, s, ds)
        w, g = self.decay(w, g, s)
        (m, v), (dm, dv) = slots, dslots
        beta1, beta2 = s["beta1"], s["beta2"]
        dm.lerp_(dg, 1 - beta1)
        for j, slope in ds["beta1"]:
            add_scaled(dm[j], m - g, slope)
        dv.mul_(beta2).addcmul_(2 * (1 - beta2) * g, dg)
        for j, slope in ds["beta2"]:
            add_scaled(dv[j], v - g * g, slope)
        m = m + (1 - beta1) * (g - m)
        v = beta2 * v + (1 - beta2) * g * g

        fix1, fix2 = 1 - beta1**t, 1 - beta2**t
        root = (v / fix2).sqrt()
        per = 1 / (root + s["eps"])  # 1 / D
        ratio = m * per / fix1  # the step for lr = 1
        step = s["lr"] * ratio
        pull = step * per  # d w / d root, and d w / d eps
        dw.addcmul_(per * (s["lr"] / fix1), dm, value=-1)
        dw.addcmul_(torch.where(v > 0, pull / (2 * fix2 * root), 0.0), dv)
        for j, slope in ds["lr"]:
            add_scaled(dw[j], ratio, -slope)
        for j, slope in ds["eps"]:
            add_scaled(dw[j], pull, slope)
        for j, slope in ds["beta1"]:  # through 1 - beta1^t
            add_scaled(dw[j], step, -slope * t * beta1 ** (t - 1) / fix1)
        for j, slope in ds["beta2"]:  # through 1 - beta2^t
            add_scaled(dw[j], pull * root, slope * t * beta2 ** (t - 1) / (2 * fix2))
        return w - step, (m, v)

    def decay(self, w: torch.Tensor, g: torch.Tensor, s: Mapping[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights and gradient after weight decay."""
        return w, g + s["weight_decay"] * w

    def decay_tangent(
        self, w: torch.Tensor, dw: torch.Tensor, dg: torch.Tensor, s: Mapping[str, Scale], ds: Slopes
    ) -> None:
        """The tangents of `decay`, in place."""
        add_scaled(dg, dw, s["weight_decay"])
        for j, slope in ds["weight_decay"]:
            add_scaled(dg[j], w, slope)
