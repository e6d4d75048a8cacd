"""Layers with a state, random layers and layers whose kernels cannot be differentiated: right to rounding, or refused by name."""

from __future__ import annotations

import pytest

# ruff: noqa: E402
torch = pytest.importorskip("torch")

from torch import nn

from trimtab.errors import InputError
from trimtab.integrations.torch import RelaxedDropout


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.attend, self.out = (
            nn.Linear(1, 4),
            nn.MultiheadAttention(4, 2, batch_first=True),
            nn.Linear(4, 3),
        )

    def forward(self, x):
        tokens = self.embed(x[:, :, None])
        return self.out(self.attend(tokens, tokens, tokens, need_weights=False)[0].mean(1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.LSTMCell(1, 4), nn.Linear(4, 3)

    def forward(self, x):
        state = (torch.zeros(len(x), 4, dtype=x.dtype), torch.zeros(len(x), 4, dtype=x.dtype))
        for column in x.T:
            state = self.cell(column[:, None], state)
        return self.out(state[0])


LAYERS = {
    "batch norm": lambda: nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3)),
    "batch norm, mean of all": lambda: nn.Sequential(
        nn.Linear(5, 6), nn.BatchNorm1d(6, momentum=None, affine=False), nn.Tanh(), nn.Linear(6, 3)
    ),
    "convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 5)), nn.Conv1d(1, 3, 3, padding=1), nn.BatchNorm1d(3), nn.MaxPool1d(2), nn.GELU(), nn.Flatten(), nn.Linear(6, 3)
    ),
    "weight norm": lambda: nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Linear(5, 6)), nn.Tanh(), nn.utils.parametrizations.weight_norm(nn.Linear(6, 3), dim=None)
    ),
    "dropout": lambda: nn.Sequential(nn.Linear(5, 9), nn.LayerNorm(9), nn.Softplus(), nn.Dropout(0.3, inplace=True), nn.Linear(9, 3)),
    "attention": Attention,
    "recurrent": Recurrent,
}  # fmt: skip


@pytest.mark.parametrize("layers", LAYERS)
def test_hypergradients_through_layers(layers, task, central):
    """12 steps: from the third on, operations run from the recorded list."""
    training = task.training(model=lambda: LAYERS[layers]().double(), loss=task.plain_loss, optimizer="sgd", steps=12)
    at = {"lr": 0.1, "momentum": 0.5}
    trained = training(at, 0, tuple(at))
    assert trained.value == pytest.approx(training(at, 0).value, rel=1e-12)
    for name, expected in central(training, at, at).items():
        assert trained.gradient[name] == pytest.approx(expected, rel=1e-5), name


def test_relaxed_dropout_has_a_gradient_for_its_rate(task, central):
    def make():
        return nn.Sequential(
            nn.Linear(5, 9), nn.Tanh(), RelaxedDropout("rate", temperature=0.3), nn.Linear(9, 3)
        ).double()

    at = {"lr": 0.1, "rate": 0.3}
    training = task.training(model=make, loss=task.plain_loss, optimizer="sgd", steps=15)
    trained = training(at, 4, tuple(at))
    for name, expected in central(training, at, at, seed=4).items():
        assert trained.gradient[name] == pytest.approx(expected, rel=1e-5), name


def test_relaxed_dropout_is_near_dropout():
    torch.manual_seed(0)
    x = torch.ones(200, 200)
    for p in (0.1, 0.5, 0.8):
        y = RelaxedDropout(p, temperature=0.05)(x)
        dropped = (y < 0.01 / (1 - p)).float().mean()
        kept = (y > 0.99 / (1 - p)).float().mean()
        assert abs(float(dropped) - p) < 0.08
        assert abs(float(kept) - (1 - p)) < 0.08
        assert float(y.mean()) == pytest.approx(1, abs=0.03)
    assert torch.equal(RelaxedDropout(0.5).eval()(x), x)


def test_relaxed_dropout_says_where_its_rate_comes_from():
    with pytest.raises(InputError, match="'rate', which only a trimtab Training sets"):
        RelaxedDropout("rate")(torch.ones(3))
    with pytest.raises(InputError, match=r"number in \(0, 1\), got 1\.0"):
        RelaxedDropout(1.0)
    with pytest.raises(InputError, match="temperature must be > 0, got 0"):
        RelaxedDropout(0.5, temperature=0)


def test_the_rate_of_dropout_is_refused_with_what_to_use(task):
    training = task.training(model=lambda: LAYERS["dropout"]().double(), loss=task.plain_loss, steps=1)
    for wrt in ((), ("dropout",)):
        with pytest.raises(InputError, match=r"at\['dropout'\] .*nn\.Dropout.*RelaxedDropout\('dropout'\)"):
            training({"lr": 0.1, "dropout": 0.3}, 0, wrt)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (nn.InstanceNorm1d(5, track_running_stats=True), "InstanceNorm1d.*track_running_stats=False"),
        (nn.SyncBatchNorm(5), "SyncBatchNorm.*nn.BatchNorm on one device"),
        (nn.utils.parametrizations.spectral_norm(nn.Linear(5, 5)), "_SpectralNorm.*penalty"),
        (nn.RReLU(), "RReLU.*LeakyReLU"),
        (nn.MultiheadAttention(4, 2, dropout=0.1), "MultiheadAttention with dropout.*dropout=0"),
        (nn.LazyLinear(4), "LazyLinear.*sizes written out"),
        (nn.LSTM(5, 5), "LSTM.*LSTMCell"),
    ],
)
def test_layers_that_cannot_be_followed_are_refused_by_name(layer, words, task):
    training = task.training(model=lambda: nn.Sequential(nn.Linear(5, 5), layer), loss=task.plain_loss)
    with pytest.raises(InputError, match=rf"'1.*{words}"):
        training({"lr": 0.1}, 0, ("lr",))


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
def test_the_old_weight_norm_is_refused(task):
    training = task.training(model=lambda: nn.utils.weight_norm(nn.Linear(5, 3)), loss=task.plain_loss)
    with pytest.raises(InputError, match=r"parametrizations\.weight_norm"):
        training({"lr": 0.1}, 0, ("lr",))


def test_an_operation_without_forward_mode_is_explained(task):
    class Rounded(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x.round()

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, g):
            return g

    training = task.training(loss=lambda m, b: Rounded.apply(m(b[0])).square().mean())
    with pytest.raises(
        InputError, match=r"cannot differentiate an operation of this training: .*Rounded.*method='reverse'"
    ):
        training({"lr": 0.1}, 0, ("lr",))
