"""The easy entry: on real data, with its checks; what it refuses, and how it says so."""

from __future__ import annotations

import numpy as np
import pytest

# ruff: noqa: E402
torch = pytest.importorskip("torch")

from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

from trimtab.errors import InputError
from trimtab.integrations.torch import SGD, Training, hypergradient, smoothed_cross_entropy
from trimtab.sensitivity import Hypergradient


class Digits:
    """A ReLU network in single precision on scikit-learn's digits; batches of 100, 10 an epoch."""

    def __init__(self) -> None:
        x, y = load_digits(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(x))
        self.x, self.y = torch.tensor(x[order] / 16, dtype=torch.float32), torch.tensor(y[order])
        self.batches = [(self.x[k : k + 100], self.y[k : k + 100]) for k in range(0, 1000, 100)]

    def network(self):
        return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

    def loss(self, model, batch, h):
        return smoothed_cross_entropy(model(batch[0]), batch[1], h["smoothing"])

    def validation(self, model):
        return cross_entropy(model(self.x[1000:]), self.y[1000:])

    def hypergradient(self, **changed):
        settings = {"check": "complete", "epochs": 1}
        return hypergradient(self.network, self.loss, self.batches, self.validation, **{**settings, **changed})


@pytest.fixture(scope="module")
def digits():
    return Digits()


@pytest.mark.parametrize(
    ("optimizer", "at", "at_least"),
    [
        ("sgd", {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-3, "smoothing": 0.05}, 3),
        ("adam", {"lr": 3e-3, "beta1": 0.9, "weight_decay": 1e-3, "smoothing": 0.05}, 1),
    ],
)
def test_single_precision_on_real_data_where_the_verdict_is_trust(optimizer, at, at_least, digits):
    """The kinks of ReLU are left out of any such gradient, so that not every one is to be trusted."""
    result = digits.hypergradient(optimizer=optimizer, at=at)
    double = digits.hypergradient(optimizer=optimizer, at=at, dtype=torch.float64, check="none")

    assert isinstance(result, Hypergradient)
    assert result.parameters == tuple(at)
    trusted = [j for j, name in enumerate(at) if result.verdicts[name] == "trust"]
    assert len(trusted) >= at_least
    for j in trusted:
        assert result.relative_error[j] < 0.05
        assert result.gradient[j] == pytest.approx(double.gradient[j], rel=0.05)


def test_a_learning_rate_past_the_edge_of_stability_is_not_to_be_trusted(digits):
    at = {"lr": 3.0, "momentum": 0.9, "smoothing": 0.05}
    result = digits.hypergradient(optimizer="sgd", at=at, check="cheap", epochs=10)
    assert not result.trusted
    for verdict in result.verdicts.values():
        assert verdict.startswith("do not trust this gradient")


def test_double_precision_on_request(digits):
    at = {"lr": 0.1, "smoothing": 0.05}
    result = digits.hypergradient(optimizer="sgd", at=at, dtype=torch.float64, epochs=1, check="cheap")
    assert result.trusted
    assert float(result.relative_error.max()) < 1e-5
    assert digits.network()[0].weight.dtype == torch.float32


def test_a_module_is_copied_and_a_loader_shuffled_alike(task):
    """Every training begins from the same weights and, for one seed, sees the same order of batches."""
    module = task.network()
    before = [w.detach().clone() for w in module.parameters()]
    data = torch.utils.data.TensorDataset(task.x[:60], task.y[:60])
    loader = torch.utils.data.DataLoader(data, batch_size=25, shuffle=True)
    result = hypergradient(
        module, task.plain_loss, loader, task.validation,
        at={"lr": 0.1, "momentum": 0.5}, optimizer=torch.optim.SGD, epochs=3, seeds=(0, 1), check="complete",
    )  # fmt: skip
    assert result.trusted
    assert float(result.relative_error.max()) < 1e-6
    assert result.values[0] != result.values[1]
    assert all(map(torch.equal, before, module.parameters()))


def test_wrt_chooses_and_nested_hyperparameters_are_flat_rows(task):
    result = hypergradient(
        task.network, task.plain_loss, task.batches, task.validation,
        at={"lr": {"0": 0.1, "2": 0.05}, "momentum": 0.5}, wrt=["lr"], optimizer="sgd", steps=5, check="none",
    )  # fmt: skip
    assert [row["parameter"] for row in result.rows()] == ["lr.0", "lr.2"]
    with pytest.raises(InputError, match="'beta1' is not in at"):
        hypergradient(
            task.network, task.plain_loss, task.batches, task.validation, at={"lr": 0.1}, wrt=["beta1"], check="none"
        )


def test_batches_may_be_a_function_of_each_epoch(task):
    def epoch():
        return ((task.x[rows], task.y[rows]) for rows in torch.randperm(60).split(20))

    training = task.training(loss=task.plain_loss, batches=epoch, steps=None, epochs=2)
    assert training({"lr": 0.1}, 0).value == pytest.approx(training({"lr": 0.1}, 0, ("lr",)).value, rel=1e-12)
    assert training({"lr": 0.1}, 1).value != training({"lr": 0.1}, 0).value


def test_batches_may_be_mappings_and_carry_what_is_no_tensor(task, central):
    batches = [{"x": task.x[:20], "y": task.y[:20], "step": k, "name": "part"} for k in range(12)]

    def loss(model, batch, h):
        warm = min((batch["step"] + 1) / 6, 1.0)
        return warm * cross_entropy(model(batch["x"]), batch["y"]) + h["l2"] * sum(
            (w * w).sum() for w in model.parameters()
        )

    training = task.training(loss=loss, batches=batches, steps=None, optimizer="sgd")
    at = {"lr": 0.2, "l2": 0.01}
    trained = training(at, 0, tuple(at))
    for name, expected in central(training, at, at).items():
        assert trained.gradient[name] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"steps": 3, "epochs": 1}, "steps or epochs, not both"),
        ({"steps": 0}, "steps must be a whole number >= 1"),
        ({"method": "backward"}, "method must be one of"),
        ({"dtype": torch.int64}, "type of floats"),
        ({"optimizer": "lbfgs"}, "got lbfgs.*implicit"),
        ({"optimizer": torch.optim.LBFGS}, "got LBFGS.*implicit"),
        ({"optimizer": "rmsprop"}, "'sgd', 'adam' or 'adamw'.*got rmsprop"),
        ({"optimizer": torch.optim.SGD([torch.zeros(1, requires_grad=True)])}, "got SGD.*give its class or a name"),
    ],
)
def test_what_cannot_be_a_training_is_refused(changed, words, task):
    with pytest.raises(InputError, match=words):
        task.training(**{"steps": None, **changed})


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ({"lr": 0.1, "momentum": 0.9}, r"at\['momentum'\] is read by nothing.*Adam has the settings lr, beta1"),
        ({"lr": 0.1, "batch_size": 64}, r"at\['batch_size'\].*no gradient.*one_at_a_time"),
        ({"lr": 0.1, "activation": "relu"}, r"at\['activation'\] must be a number, got 'relu'"),
        ({"lr": 0.1, "nesterov": True}, r"at\['nesterov'\] must be a number, got True"),
        ({"lr": float("nan")}, r"at\['lr'\] must be finite"),
        ({}, "at must be a mapping"),
    ],
)
def test_hyperparameters_without_a_gradient_are_refused(at, words, task):
    with pytest.raises(InputError, match=words):
        task.training(loss=task.plain_loss, steps=1)(at, 0, ())


def test_a_whole_number_is_passed_on_and_not_differentiated(task):
    at = {"lr": 0.1, "weight_decay": 0}
    result = hypergradient(task.network, task.plain_loss, task.batches, task.validation, at=at, steps=2, check="none")
    assert result.parameters == ("lr",)


def test_other_mistakes_are_told(task):
    at = {"lr": 0.1}
    with pytest.raises(InputError, match=r"h\['l1'\] is read, but at has only \['lr'\]"):
        task.training(loss=lambda m, b, h: h["l1"], steps=1)(at, 0)
    with pytest.raises(InputError, match="training loss must be a tensor of one float, got shape"):
        task.training(loss=lambda m, b: m(b[0]), steps=1)(at, 0)
    with pytest.raises(InputError, match=r"validation loss must be a tensor of one float, got 0\.5"):
        task.training(loss=task.plain_loss, validation=lambda m: 0.5, steps=1)(at, 0)
    with pytest.raises(InputError, match="only once"):
        task.training(loss=task.plain_loss, batches=iter(task.batches))(at, 0)
    with pytest.raises(InputError, match="no batch"):
        task.training(loss=task.plain_loss, batches=[])(at, 0)
    with pytest.raises(InputError, match="a function that makes one, got str"):
        task.training(model=lambda: "net", loss=task.plain_loss)(at, 0)
    with pytest.raises(InputError, match="no weights that require gradients"):
        task.training(model=nn.Tanh, loss=task.plain_loss)(at, 0, ("lr",))
    with pytest.raises(InputError, match="exactly one of the layers"):
        task.training(loss=task.plain_loss)({"lr.0": 0.1}, 0, ("lr",))
    with pytest.raises(InputError, match="there are no weights '5'"):
        task.training(loss=task.plain_loss)({"lr.0": 0.1, "lr.2": 0.1, "lr.5": 0.1}, 0, ("lr",))
    with pytest.raises(InputError, match="The optimiser's lr must be one number"):
        task.training(loss=task.plain_loss, optimizer=SGD(lr=lambda step, h: torch.ones(2)))({"momentum": 0.5}, 0)


def test_a_training_serves_a_study_of_ones_own(task):
    """The value and the gradients at any hyperparameters, without any check."""
    training = Training(
        model=task.network, loss=task.plain_loss, batches=task.batches, validation=task.validation, optimizer="sgd"
    )
    trained = training({"lr": 0.1, "momentum": 0.9}, wrt=("lr",))
    assert set(trained.gradient) == {"lr"}
    assert trained.value == pytest.approx(training({"lr": 0.1, "momentum": 0.9}).value, rel=1e-12)
