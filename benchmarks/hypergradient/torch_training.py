"""Forward-mode hypergradients of PyTorch trainings: what they cost beside plain training, and how near central differences they come.

Cost: CPU seconds of a loop as one writes it with torch.optim, without any of trimtab, and of the same training with 1, 2, 4 and 8
hypergradients; the smallest of some runs that take turns. What is recorded once a training (see `_graph`) is in the seconds.
Accuracy: tanh networks in double precision, each setting of each optimiser, after 10, 100 and 1,000 steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

from trimtab.integrations.torch import Training, smoothed_cross_entropy

__all__ = ["measure"]

ASKED = (1, 2, 4, 8)
STEP = 1e-4  # of the central differences, of fourth order, as a part of the value
ALLOWED = 1.5  # of a plain training, for each hypergradient
ADAM = {
    "lr": 3e-3,
    "weight_decay": 1e-3,
    "beta1": 0.9,
    "smoothing": 0.05,
    "beta2": 0.99,
    "eps": 1e-6,
    "l2": 1e-2,
    "scale": 1.0,
}
SGD = {
    "lr": 0.05,
    "momentum": 0.9,
    "weight_decay": 1e-3,
    "smoothing": 0.05,
    "dampening": 0.1,
    "l2": 1e-2,
    "scale": 1.0,
    "shift": 0.1,
}
CASES = [  # hidden layers, optimiser, batch, steps
    ((32,), "sgd", 32, 1200),
    ((32,), "adam", 32, 1000),
    ((64, 64), "adam", 64, 800),
    ((256, 256), "sgd", 128, 250),
    ((256, 256), "adam", 128, 250),
]
OPTIMIZERS = {"sgd": (torch.optim.SGD, SGD), "adam": (torch.optim.Adam, ADAM), "adamw": (torch.optim.AdamW, ADAM)}


def measure(quick: bool) -> dict[str, list[dict[str, object]]]:
    """Both tables."""
    torch.set_num_threads(1)
    cases = [((32,), "adam", 32, 20)] if quick else CASES
    costs = [_cost(*case, 1 if quick else 3) for case in cases]
    errors = [
        row
        for optimizer in (["sgd"] if quick else OPTIMIZERS)
        for steps in ([10] if quick else [10, 100, 1000])
        for row in _accuracy(optimizer, steps)
    ]
    return {"PyTorch: cost beside a plain training loop": costs, "PyTorch: against central differences": errors}


def _task(
    hidden: tuple[int, ...], optimizer: str, batch: int, steps: int, dtype: torch.dtype
) -> tuple[Training, Callable[[], float]]:
    """The training, and the same one as one writes it."""
    x, y = load_digits(return_X_y=True)
    inputs, labels = torch.tensor(x / 16, dtype=dtype), torch.tensor(y)
    batches = [(inputs[k : k + batch], labels[k : k + batch]) for k in range(0, 1280, batch)]

    def make() -> nn.Module:
        widths = [64, *hidden, 10]
        layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.Tanh())]
        return nn.Sequential(*layers[:-1]).to(dtype)

    def loss(model: Any, batch: Any, h: Mapping[str, Any]) -> torch.Tensor:
        logits = model(batch[0])
        penalty = h["l2"] * logits.square().mean() + (h["shift"] * logits[:, 0].mean() if "shift" in h else 0.0)
        return h["scale"] * smoothed_cross_entropy(logits, batch[1], h["smoothing"]) + penalty

    def validation(model: Any) -> torch.Tensor:
        return cross_entropy(model(inputs[1280:]), labels[1280:])

    original, at = OPTIMIZERS[optimizer]
    own = {name: at[name] for name in ("lr", "eps", "weight_decay", "momentum", "dampening") if name in at}
    if "beta1" in at:
        own["betas"] = (at["beta1"], at["beta2"])

    def loop() -> float:
        torch.manual_seed(0)
        model = make()
        optim = original(model.parameters(), **own)
        for step in range(steps):
            optim.zero_grad()
            loss(model, batches[step % len(batches)], at).backward()
            optim.step()
        with torch.no_grad():
            return float(validation(model))

    training = Training(
        model=make, loss=loss, batches=batches, validation=validation, optimizer=optimizer, steps=steps, method="forward"
    )  # fmt: skip
    return training, loop


def _cost(hidden: tuple[int, ...], optimizer: str, batch: int, steps: int, repeats: int) -> dict[str, object]:
    training, loop = _task(hidden, optimizer, batch, steps, torch.float32)
    at = OPTIMIZERS[optimizer][1]
    jobs: dict[int, Callable[[], object]] = {0: loop}
    jobs |= {p: lambda p=p: training(at, 0, tuple(at)[:p]) for p in ASKED}
    seconds: dict[int, list[float]] = {p: [] for p in jobs}
    training(at, 0, ("lr",))  # torch imports some parts at their first use
    for _ in range(repeats):
        for p, job in jobs.items():
            begun = time.process_time()
            job()
            seconds[p].append(time.process_time() - begun)
    best = {p: min(s) for p, s in seconds.items()}
    return {
        "network": "-".join(map(str, (64, *hidden, 10))),
        "optimiser": optimizer,
        "batch": batch,
        "steps": steps,
        "plain s": best[0],
        **{f"p = {p}: times plain": best[p] / best[0] for p in ASKED},
        "allowed": "2.5, 4, 7, 13",
        "kept": all(best[p] <= (1 + ALLOWED * p) * best[0] for p in ASKED),
    }


def _accuracy(optimizer: str, steps: int) -> list[dict[str, object]]:
    """One row: the largest error of all hyperparameters, and the one that has it."""
    training, loop = _task((16,), optimizer, 128, steps, torch.float64)
    at = OPTIMIZERS[optimizer][1]
    trained = training(at, 0, tuple(at))
    errors = {}
    for name in at:
        step = STEP * at[name]
        near = [training({**at, name: at[name] + k * step}, 0).value for k in (-2, -1, 1, 2)]
        difference = (8 * (near[2] - near[1]) - (near[3] - near[0])) / (12 * step)
        errors[name] = abs(trained.gradient[name] - difference) / abs(difference)
    worst = max(errors, key=lambda name: errors[name])
    return [
        {
            "optimiser": optimizer,
            "steps": steps,
            "hyperparameters": len(at),
            "value against torch.optim": abs(trained.value - loop()),
            "largest relative error": errors[worst],
            "of": worst,
            "median relative error": float(np.median(list(errors.values()))),
        }
    ]
