"""Which way would each hyperparameter move the validation loss? The exact answer for a PyTorch training, from one run, and its check.

python -m pip install 'trimtab[torch]'
python examples/torch_hypergradient.py
"""

import sys

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

try:
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy
except ImportError:
    print("torch is not installed, so this example is skipped. Install it with: python -m pip install 'trimtab[torch]'")
    sys.exit(0)

from trimtab.integrations.torch import SGD, Training, hypergradient, smoothed_cross_entropy

torch.set_num_threads(1)

x, y = load_breast_cancer(return_X_y=True)
x_train, x_valid, y_train, y_valid = train_test_split(x, y, train_size=320, random_state=0, stratify=y)
scaler = StandardScaler().fit(x_train)
x_train, x_valid = (torch.tensor(scaler.transform(part), dtype=torch.float64) for part in (x_train, x_valid))
y_train, y_valid = (torch.tensor(part) for part in (y_train, y_valid))
batches = [(x_train[k : k + 32], y_train[k : k + 32]) for k in range(0, 320, 32)]


def make_network():
    return nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, 2)).double()


def training_loss(model, batch, h):
    inputs, labels = batch
    return smoothed_cross_entropy(model(inputs), labels, h["smoothing"])


def validation_loss(model):
    return cross_entropy(model(x_valid), y_valid)


# lr is a schedule of two hyperparameters; momentum and weight_decay go to the optimiser, smoothing to the loss
optimizer = SGD(lr=lambda step, h: h["lr"] * h["decay"] ** step)
at = {"lr": 0.1, "decay": 0.99, "momentum": 0.9, "weight_decay": 1e-3, "smoothing": 0.05}

result = hypergradient(
    make_network, training_loss, batches, validation_loss, at=at, optimizer=optimizer, epochs=10, check="complete"
)
print(result)

# A step against the gradients, on the scale of their logarithms, should lower the validation loss
training = Training(
    model=make_network, loss=training_loss, batches=batches, validation=validation_loss, optimizer=optimizer, epochs=10
)
movable = [name for name in at if name != "decay"]  # decay stays where it is: it must not pass 1
slopes = {row["parameter"]: row["log_gradient"] for row in result.rows()}
length = sum(slopes[name] ** 2 for name in movable) ** 0.5
moved = {**at, **{name: at[name] * 1.1 ** (-slopes[name] / length) for name in movable}}
print(f"\nvalidation loss {result.value:.5f}; after a step against the hypergradients {training(moved).value:.5f}")
