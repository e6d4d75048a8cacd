"""True hypergradients of PyTorch trainings: d (validation loss) / d (hyperparameter), through every step of the training.

    from trimtab.integrations.torch import hypergradient, smoothed_cross_entropy

    result = hypergradient(
        make_network,                      # a function without arguments, or an nn.Module
        lambda model, batch, h: smoothed_cross_entropy(model(batch[0]), batch[1], h["smoothing"]),
        batches,                           # a list of batches, or a DataLoader
        lambda model: cross_entropy(model(x_valid), y_valid),
        at={"lr": 1e-2, "weight_decay": 1e-4, "smoothing": 0.1},
        optimizer="adam",
        epochs=10,
    )
    print(result)                          # gradient, finite difference and a verdict for each hyperparameter

What has a gradient: each setting of the optimiser (SGD, Adam, AdamW), also as a schedule, and whatever the training loss reads
from `h`. What has none (numbers of units, batch sizes, epochs, nn.Dropout's p) is refused by name.

One training goes  Training -> real loop with torch.optim (no gradient asked) | forward | reverse | implicit.
"""

from trimtab.errors import require

require("torch", "torch")

from trimtab.integrations.torch._adam import Adam  # noqa: E402  says first which extra is missing
from trimtab.integrations.torch._adamw import AdamW  # noqa: E402
from trimtab.integrations.torch._conjugate_gradients import ConjugateGradients  # noqa: E402
from trimtab.integrations.torch._hypergradient import hypergradient  # noqa: E402
from trimtab.integrations.torch._losses import l1, smoothed_cross_entropy  # noqa: E402
from trimtab.integrations.torch._neumann import Neumann  # noqa: E402
from trimtab.integrations.torch._nystrom import Nystrom  # noqa: E402
from trimtab.integrations.torch._relaxed_dropout import RelaxedDropout  # noqa: E402
from trimtab.integrations.torch._sgd import SGD  # noqa: E402
from trimtab.integrations.torch._training import Training  # noqa: E402

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "ConjugateGradients",
    "Neumann",
    "Nystrom",
    "RelaxedDropout",
    "Training",
    "hypergradient",
    "l1",
    "smoothed_cross_entropy",
]
