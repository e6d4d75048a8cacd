"""Implicit differentiation is forward mode at a converged minimum, says where it is not, and refuses what it cannot know."""

from __future__ import annotations

import pytest

# ruff: noqa: E402
torch = pytest.importorskip("torch")

from torch import nn
from torch.nn.functional import cross_entropy

from trimtab.errors import InputError
from trimtab.integrations.torch import ConjugateGradients, Neumann, Nystrom


@pytest.fixture
def convex(task):
    """Logistic regression with penalties: one minimum, reached in some ten steps of gradient descent."""

    def loss(model, batch, h):
        return cross_entropy(model(batch[0]), batch[1]) + h["l2"] * sum((w * w).sum() for w in model.parameters())

    def make(**changed):
        settings = {
            "model": lambda: nn.Linear(5, 3).double(),
            "loss": loss,
            "batches": [(task.x[:60], task.y[:60])],
            "optimizer": "sgd",
            "steps": 80,
        }
        return task.training(**{**settings, **changed})

    return make


AT = {"lr": 1.0, "weight_decay": 0.2, "l2": 0.05}


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("implicit", 1e-6),
        (ConjugateGradients(damping=1e-9), 1e-6),
        (Neumann(terms=400), 1e-5),
        (Nystrom(rank=18, damping=1e-9), 1e-5),
    ],
)
def test_equals_forward_mode_at_convergence(method, error, convex):
    names = ("weight_decay", "l2")
    expected = convex(method="forward")(AT, 0, names)
    got = convex(method=method)(AT, 0, names)
    assert got.value == pytest.approx(expected.value, rel=1e-10)
    for name in names:
        assert got.gradient[name] == pytest.approx(expected.gradient[name], rel=error), name


def test_several_batches_are_one_loss(task, convex):
    """Full-batch descent on equal batches' mean: the minimum of the whole."""
    parts = [(task.x[k : k + 30], task.y[k : k + 30]) for k in (0, 30)]
    whole = convex(method="implicit")(AT, 0, ("l2",)).gradient["l2"]
    with pytest.warns(UserWarning, match="not converged"):  # it circles around the minimum
        circling = convex(method="implicit", batches=parts)({**AT, "lr": 0.3}, 0, ("l2",)).gradient["l2"]
    assert circling == pytest.approx(whole, rel=0.05)


def test_a_few_terms_or_a_low_rank_are_biased_towards_zero(convex):
    exact = convex(method="implicit")(AT, 0, ("l2",)).gradient["l2"]
    assert abs(convex(method=Neumann(terms=2))(AT, 0, ("l2",)).gradient["l2"]) < abs(exact)
    damped = convex(method=ConjugateGradients(damping=0.1))(AT, 0, ("l2",)).gradient["l2"]
    assert 0 < damped / exact < 1


def test_says_that_it_is_not_converged(convex):
    with pytest.warns(UserWarning, match="has not converged.*% of that at the start"):
        convex(method="implicit", steps=5)(AT, 0, ("l2",))


def test_says_that_there_is_no_minimum(task):
    training = task.training(loss=task.plain_loss, optimizer="adam", steps=5, method="implicit")
    with (
        pytest.warns(UserWarning, match="has not converged"),
        pytest.warns(UserWarning, match="negative curvature|residual"),
    ):
        training({"lr": 0.01, "weight_decay": 1e-3}, 0, ("weight_decay",))


@pytest.mark.parametrize(
    ("optimizer", "at", "name"),
    [
        ("sgd", {"lr": 0.1}, "lr"),
        ("sgd", {"momentum": 0.5}, "momentum"),
        ("adam", {"beta2": 0.99}, "beta2"),
        ("adamw", {"weight_decay": 0.1}, "weight_decay"),
    ],
)
def test_refuses_by_name_what_the_training_loss_does_not_have(optimizer, at, name, convex):
    training = convex(method="implicit", optimizer=optimizer, steps=2)
    with pytest.raises(InputError, match=f"'{name}' sets .*{name}.*no part of the training loss.*forward"):
        training({**at, "l2": 0.01}, 0, (name,))


def test_refuses_a_decay_that_is_no_part_of_the_loss(convex):
    training = convex(method="implicit", optimizer="adamw", steps=2)
    with pytest.raises(InputError, match=r"AdamW's weight_decay=0\.01"):
        training({"l2": 0.01}, 0, ("l2",))


@pytest.mark.parametrize(
    ("layer", "words"), [(nn.BatchNorm1d(5), "running statistics"), (nn.Dropout(0.1), "Dropout it is random")]
)
def test_refuses_layers_without_a_minimum(layer, words, task):
    training = task.training(
        model=lambda: nn.Sequential(layer, nn.Linear(5, 3)).double(),
        loss=task.plain_loss,
        method="implicit",
        optimizer="sgd",
        steps=2,
    )
    with pytest.raises(InputError, match=words):
        training({"weight_decay": 0.1}, 0, ("weight_decay",))
