"""Which GPUs each worker sees."""

from __future__ import annotations

from typing import Any

from trimtab.errors import InputError

__all__ = ["devices_of"]


def devices_of(workers: int, gpus: Any) -> list[str | None]:
    """For each worker, the value of CUDA_VISIBLE_DEVICES; None where it is left as it is.

    InputError unless the GPUs can be shared out evenly.
    """
    if gpus is None:
        return [None] * workers
    if isinstance(gpus, str | bytes) or not hasattr(gpus, "__iter__") or not (names := [_name(gpu) for gpu in gpus]):
        raise InputError(f"gpus must be a list of device identifiers, such as [0, 1], got {gpus!r}.")
    if len(set(names)) < len(names):
        raise InputError(
            f"gpus names a device twice: {gpus!r}. Workers share GPUs evenly where there are more workers."
        )
    few, many = sorted((workers, len(names)))
    if many % few:
        raise InputError(
            f"{workers} workers cannot share {len(names)} GPUs evenly. Use a multiple of {len(names)} workers, "
            f"or so many workers that each gets the same number of GPUs."
        )
    if workers >= len(names):
        return [names[n % len(names)] for n in range(workers)]
    share = len(names) // workers
    return [",".join(names[n * share : (n + 1) * share]) for n in range(workers)]


def _name(gpu: object) -> str:
    if isinstance(gpu, int) and not isinstance(gpu, bool) and gpu >= 0:
        return str(gpu)
    if isinstance(gpu, str) and gpu.strip() and "," not in gpu:
        return gpu.strip()
    raise InputError(f"gpus needs numbers from 0 or identifiers such as 'GPU-8f3a...', got {gpu!r}.")
