"""A PyTorch training loop that reports each epoch's loss.

python -m pip install 'trimtab[torch]'
python examples/pytorch_loop.py
"""

import sys

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import trimtab as tt

try:
    import torch
    from torch import nn
except ImportError:
    print("torch is not installed, so this example is skipped. Install it with: python -m pip install 'trimtab[torch]'")
    sys.exit(0)

EPOCHS = 15

x, y = load_digits(return_X_y=True)
x_train, x_valid, y_train, y_valid = train_test_split(x / 16, y, train_size=600, random_state=0)
x_train, x_valid = (torch.tensor(part, dtype=torch.float32) for part in (x_train, x_valid))
y_train, y_valid = (torch.tensor(part) for part in (y_train, y_valid))

space = {
    "optimizer": tt.Categorical(["adam", "sgd"]),
    "lr": tt.Float(1e-4, 1e0, log=True),
    "momentum": tt.Float(0.0, 0.99, when={"optimizer": "sgd"}),
    "units": tt.Int(8, 128, log=True),
    "dropout": tt.Float(0.0, 0.6),
    "batch_size": tt.Int(16, 256, log=True),
}


def validation_loss(trial):
    """Train one network as the trial says; give back the loss that the study minimises."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(64, trial["units"]), nn.ReLU(), nn.Dropout(trial["dropout"]), nn.Linear(trial["units"], 10)
    )
    if trial["optimizer"] == "adam":
        optimizer = torch.optim.Adam(network.parameters(), lr=trial["lr"])
    else:
        optimizer = torch.optim.SGD(network.parameters(), lr=trial["lr"], momentum=trial["momentum"])
    loss_of = nn.CrossEntropyLoss()

    for epoch in range(EPOCHS):
        network.train()
        for batch in torch.randperm(len(x_train)).split(trial["batch_size"]):
            optimizer.zero_grad()
            loss_of(network(x_train[batch]), y_train[batch]).backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            loss = loss_of(network(x_valid), y_valid).item()
        trial.report(loss, step=epoch)  # kept with the trial: its learning curve
        if trial.should_stop():  # the study's time is over: give back what there is
            break
    return loss  # a NaN, from a learning rate too high, makes the trial a failed one, and the study goes on


torch.set_num_threads(1)  # such a small network is fastest on one core; tt.minimize(..., workers=4) trains four at once
study = tt.minimize(validation_loss, space, n_trials=20, timeout=120, seed=0)

best = study.trials[study.best.number]
print(f"lowest validation loss {best.value:.4f} with {best.params}")
print("its learning curve:", " ".join(f"{loss:.2f}" for loss in best.reports.values()))
print()
print(study.sensitivity())
