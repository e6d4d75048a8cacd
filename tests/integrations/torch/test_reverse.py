"""Reverse mode gives what forward mode gives, however many hyperparameters there are."""

from __future__ import annotations

import pytest

# ruff: noqa: E402
torch = pytest.importorskip("torch")

from torch import nn

from trimtab.integrations.torch import SGD, Adam, AdamW
from trimtab.integrations.torch._random import state

LOSS = {"smoothing": 0.1, "weight": 0.9, "l2": 1e-3}
CASES = {
    "sgd": ("sgd", {"lr": 0.3, "momentum": 0.8, "dampening": 0.1, "weight_decay": 1e-3}),
    "nesterov": (SGD(nesterov=True), {"lr": 0.3, "momentum": 0.8}),
    "adam": ("adam", {"lr": 0.02, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 1e-2}),
    "schedule": (
        AdamW(lr=lambda step, h: h["lr"] * h["decay"] ** step),
        {"lr": 0.05, "decay": 0.97, "weight_decay": 0.1},
    ),
    "by layer": (Adam(), {"lr.0": 0.03, "lr.2.weight": 0.02, "lr.2.bias": 0.01}),
}


@pytest.mark.parametrize(("case", "steps"), [*((case, 23) for case in CASES), ("sgd", 1), ("sgd", 2), ("adam", 64)])
def test_equals_forward_mode(case, steps, task):
    optimizer, at = CASES[case]
    at = {**at, **LOSS}
    forward = task.training(optimizer=optimizer, steps=steps, method="forward")(at, 0, tuple(at))
    reverse = task.training(optimizer=optimizer, steps=steps, method="reverse")(at, 0, tuple(at))

    assert reverse.value == pytest.approx(forward.value, rel=1e-12)
    for name in at:
        assert reverse.gradient[name] == pytest.approx(forward.gradient[name], rel=1e-9, abs=1e-13), name


def test_with_running_statistics_and_dropout(task):
    """The masks of a step that is computed again are those of the first time."""

    def make():
        return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 3)).double()

    at = {"lr": 0.1, "momentum": 0.5, **LOSS}
    results = [
        task.training(model=make, optimizer="sgd", steps=13, method=method)(at, 0, tuple(at))
        for method in ("forward", "reverse")
    ]
    for name in at:
        assert results[1].gradient[name] == pytest.approx(results[0].gradient[name], rel=1e-9), name


def test_many_hyperparameters_are_differentiated_in_reverse(task, central):
    """One weight decay and one learning rate for each of 10 tensors of weights."""

    def make():
        layers = [nn.Linear(5, 5) for _ in range(4)]
        return nn.Sequential(*(part for layer in layers for part in (layer, nn.Tanh())), nn.Linear(5, 3)).double()

    names = [name for name, _ in make().named_parameters()]
    at = {"lr": dict.fromkeys(names, 0.1), "weight_decay": dict.fromkeys(names, 0.01)}
    training = task.training(model=make, loss=task.plain_loss, optimizer="sgd", steps=20)
    trained = training(at, 0, ("lr", "weight_decay"))
    assert len(trained.gradient) == 20
    assert trained.tangent == {}  # reverse mode has none
    flat = {f"{name}.{layer}": value for name, layers in at.items() for layer, value in layers.items()}
    chosen = ("lr.0.weight", "lr.8.bias", "weight_decay.2.weight")
    for name, expected in central(training, flat, chosen).items():
        assert trained.gradient[name] == pytest.approx(expected, rel=1e-6), name


def test_torchs_random_state_is_left_as_it_was(task):
    before = state()
    for method in ("forward", "reverse"):
        task.training(loss=task.plain_loss, method=method)({"lr": 0.01}, 5, ("lr",))
    task.training(loss=task.plain_loss)({"lr": 0.01}, 5)
    assert all(map(torch.equal, before, state()))
