"""Forward mode against central differences of the plain training with torch.optim, in double precision."""

from __future__ import annotations

import numpy as np
import pytest

# ruff: noqa: E402
torch = pytest.importorskip("torch")

from trimtab.integrations.torch import SGD, Adam, AdamW

LOSS = {"smoothing": 0.1, "weight": 0.9, "l2": 1e-3}
SGD_AT = {"lr": 0.3, "momentum": 0.8, "dampening": 0.1, "weight_decay": 1e-3}
ADAM_AT = {"lr": 0.02, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 1e-2}
CASES = {
    "sgd": ("sgd", {**SGD_AT, **LOSS}),
    "nesterov": (SGD(nesterov=True, dampening=0.0), {"lr": 0.3, "momentum": 0.8, "weight_decay": 1e-3, **LOSS}),
    "adam": ("adam", {**ADAM_AT, **LOSS}),
    "adamw": ("adamw", {**ADAM_AT, **LOSS}),
    "schedules": (
        AdamW(
            lr=lambda step, h: h["lr"] * h["decay"] ** step * min((step + 1) / 5, 1),
            beta1=lambda step, h: 1 - h["rest"] / (step + 2),
            weight_decay=lambda step, h: h["lr"] * h["ratio"],
        ),
        {"lr": 0.05, "decay": 0.97, "rest": 0.6, "ratio": 0.3, **LOSS},
    ),
    "by layer": (
        Adam(weight_decay={"0": 1e-3, "2": 1e-2}),
        {"lr.0": 0.03, "lr.2.weight": 0.02, "lr.2.bias": 0.01, **LOSS},
    ),
}
LENGTHS = [(case, 10) for case in CASES] + [(case, 100) for case in ("sgd", "adam", "adamw", "schedules")]


@pytest.mark.parametrize(("case", "steps"), LENGTHS)
def test_equals_central_differences(case, steps, task, central):
    optimizer, at = CASES[case]
    training = task.training(optimizer=optimizer, steps=steps)

    trained = training(at, 0, tuple(at))

    assert abs(trained.value - training(at, 0).value) < 1e-12
    asked = at if steps == 10 or case == "sgd" else [name for name in at if name not in LOSS]
    for name, expected in central(training, at, asked).items():
        assert abs(trained.gradient[name] - expected) < 1e-5 * abs(expected) + 1e-9, name
    for name in at:
        assert len(trained.tangent[name]) == steps
        assert np.isfinite(trained.tangent[name]).all()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_l1(optimizer, task, central):
    at = {"lr": 0.01, "l1": 1e-2}
    training = task.training(loss=task.l1_loss, optimizer=optimizer)
    trained = training(at, 0, tuple(at))
    for name, expected in central(training, at, at).items():
        assert abs(trained.gradient[name] - expected) < 1e-5 * abs(expected), name


def test_what_is_asked_for_alone_is_what_it_is_among_all(task):
    at = CASES["adam"][1]
    training = task.training(optimizer="adam")
    together = training(at, 0, tuple(at)).gradient
    for name in ("beta2", "smoothing"):
        assert training(at, 0, (name,)).gradient[name] == pytest.approx(together[name], rel=1e-10)


def test_a_vector_of_hyperparameters_in_the_loss(task, central):
    def loss(model, batch, h):
        logits = model(batch[0])
        return torch.nn.functional.cross_entropy(logits, batch[1]) + (h["classes"] * logits.square().mean(0)).sum()

    training = task.training(loss=loss, optimizer="sgd")
    at = {"lr": 0.1, "classes[0]": 0.3, "classes[1]": 0.2, "classes[2]": 0.1}
    nested = training({"lr": 0.1, "classes": torch.tensor([0.3, 0.2, 0.1], dtype=torch.float64)}, 0, ("classes",))
    for name, expected in central(training, at, list(at)[1:]).items():
        assert nested.gradient[name] == pytest.approx(expected, rel=1e-6), name


def test_frozen_weights_stay_and_tied_weights_are_one(task, central):
    def make():
        first, second = torch.nn.Linear(5, 5), torch.nn.Linear(5, 5)
        second.weight = first.weight
        second.bias.requires_grad_(False)
        return torch.nn.Sequential(first, torch.nn.Tanh(), second, torch.nn.Tanh(), torch.nn.Linear(5, 3)).double()

    at = {"lr": 0.2, "momentum": 0.5, **LOSS}
    training = task.training(model=make, optimizer="sgd")
    trained = training(at, 0, tuple(at))
    assert abs(trained.value - training(at, 0).value) < 1e-12
    for name, expected in central(training, at, at).items():
        assert trained.gradient[name] == pytest.approx(expected, rel=1e-6), name


def test_the_tangents_recorded_are_at_most_256_and_evenly_spaced(task):
    training = task.training(loss=task.plain_loss, optimizer="sgd", steps=600)
    tangent = training({"lr": 0.01}, 0, ("lr",)).tangent["lr"]
    every = task.training(loss=task.plain_loss, optimizer="sgd", steps=200)({"lr": 0.01}, 0, ("lr",)).tangent["lr"]
    assert len(tangent) == 150
    np.testing.assert_allclose(tangent[:50], every[3::4], rtol=1e-9)
