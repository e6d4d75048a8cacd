"""Class weights and label smoothing as hyperparameters of torch's own losses: the kernel's numbers, and derivatives that it lacks."""

import pytest

torch = pytest.importorskip("torch")

from numpy.testing import assert_allclose  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from trimtab.integrations.torch import hypergradient  # noqa: E402
from trimtab.integrations.torch._open_losses import OpenLosses  # noqa: E402

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(40, 4, generator=GENERATOR, dtype=torch.float64)
Y = torch.randint(0, 3, (40,), generator=GENERATOR)
WEIGHT = torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)


@pytest.mark.parametrize("shape", [(3,), (7, 3), (7, 3, 4)])
@pytest.mark.parametrize("loss", [functional.cross_entropy, functional.nll_loss])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [None, 0.2])
def test_the_numbers_are_the_kernels(loss, shape, reduction, smoothing):
    scores = torch.randn(shape, generator=GENERATOR, dtype=torch.float64)
    target = torch.randint(0, 3, shape[:1] + shape[2:] if len(shape) > 1 else (), generator=GENERATOR)
    arguments = {"reduction": reduction, "ignore_index": 1}
    if smoothing is not None:
        if loss is functional.nll_loss:
            return
        arguments["label_smoothing"] = smoothing
    for weight in (None, WEIGHT):
        with OpenLosses():
            ours = loss(scores, target, weight, **arguments)
            if smoothing is not None:
                tensor = loss(scores, target, weight, **{**arguments, "label_smoothing": torch.tensor(smoothing)})
                assert_allclose(tensor.numpy(), ours.numpy(), rtol=1e-6)
        assert_allclose(ours.numpy(), loss(scores, target, weight, **arguments).numpy(), rtol=1e-12)


def test_smoothed_shares_of_classes():
    scores = torch.randn(7, 3, generator=GENERATOR, dtype=torch.float64)
    shares = torch.softmax(torch.randn(7, 3, generator=GENERATOR, dtype=torch.float64), dim=1)
    for target, x in ((shares, scores), (shares[0], scores[0])):
        with OpenLosses():
            ours = functional.cross_entropy(x, target, WEIGHT, label_smoothing=torch.tensor(0.2, dtype=torch.float64))
        assert_allclose(ours, functional.cross_entropy(x, target, WEIGHT, label_smoothing=0.2), rtol=1e-12)


@pytest.mark.parametrize("loss", [functional.mse_loss, functional.huber_loss])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_errors_are_the_kernels(loss, reduction):
    scores, target = torch.randn(2, 30, generator=GENERATOR, dtype=torch.float64)
    with OpenLosses():
        ours = loss(scores, target, reduction=reduction)
    assert_allclose(ours.numpy(), loss(scores, target, reduction=reduction).numpy(), rtol=1e-12)


@pytest.mark.parametrize("method", ["forward", "reverse"])
@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.HuberLoss(delta=0.3), nn.SmoothL1Loss(), nn.L1Loss()])
def test_losses_of_regression_have_hypergradients(loss, method):
    y = X[:, :1] * X[:, 1:2] + X[:, 2:3]
    result = hypergradient(
        lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1)),
        lambda model, batch: loss(model(batch[0]), batch[1]), [(X[:20], y[:20])], lambda model: loss(model(X[20:]), y[20:]),
        at={"lr": 0.05, "momentum": 0.5}, optimizer="sgd", steps=12, method=method, dtype=torch.float64, check="complete",
    )  # fmt: skip

    assert result.trusted
    assert result.relative_error.max() < 1e-5


LOSSES = {
    "function": lambda model, batch, h: functional.cross_entropy(model(batch[0]), batch[1], h["weight"].to(batch[0])),
    "module": lambda model, batch, h: nn.CrossEntropyLoss(weight=h["weight"].to(batch[0]))(model(batch[0]), batch[1]),
    "nll": lambda model, batch, h: functional.nll_loss(
        functional.log_softmax(model(batch[0]), 1), batch[1], weight=h["weight"].to(batch[0])
    ),
}


@pytest.mark.parametrize("method", ["forward", "reverse"])
@pytest.mark.parametrize("loss", LOSSES)
def test_class_weights_have_a_hypergradient(loss, method):
    """Only their ratios matter: sum of weight times gradient is 0. A mean whose divisor is held constant would miss that."""
    result = hypergradient(
        lambda: nn.Linear(4, 3), LOSSES[loss], [(X[:20], Y[:20])], lambda model: functional.cross_entropy(model(X[20:]), Y[20:]),
        at={"lr": 0.5, "weight": [0.5, 1.0, 3.0]}, optimizer="sgd", steps=12, method=method, dtype=torch.float64, check="complete",
    )  # fmt: skip

    assert result.trusted
    assert result.relative_error.max() < 1e-7
    assert abs(result.log_gradient[1:].sum()) < 1e-10


@pytest.mark.parametrize("method", ["forward", "reverse"])
def test_the_smoothing_of_torchs_own_loss_has_a_hypergradient(method):
    result = hypergradient(
        lambda: nn.Linear(4, 3),
        lambda model, batch, h: functional.cross_entropy(model(batch[0]), batch[1], label_smoothing=h["smoothing"]),
        [(X[:20], Y[:20])], lambda model: functional.cross_entropy(model(X[20:]), Y[20:]),
        at={"smoothing": 0.1}, optimizer="sgd", steps=12, method=method, dtype=torch.float64,
    )  # fmt: skip

    assert result.trusted
    assert abs(result.gradient[0]) > 1e-6


def test_a_hyperparameter_that_becomes_a_plain_number_is_told():
    result = hypergradient(
        lambda: nn.Linear(4, 3),
        lambda model, batch, h: functional.cross_entropy(functional.elu(model(batch[0]), float(h["alpha"])), batch[1]),
        [(X[:20], Y[:20])], lambda model: functional.cross_entropy(model(X[20:]), Y[20:]),
        at={"lr": 0.5, "alpha": 1.0}, optimizer="sgd", steps=5, dtype=torch.float64, check="complete",
    )  # fmt: skip

    assert not result.trusted
    assert "The gradient of alpha is exactly 0" in " ".join(result.notes)
