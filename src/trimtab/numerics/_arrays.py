"""Names for the array types that run through the package. Shapes stand in the docstrings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

__all__ = ["BoolArray", "ByteArray", "FloatArray", "IntArray"]

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int64]
    ByteArray = NDArray[np.uint8]
else:  # numpy.typing alone costs 10 ms to import
    FloatArray = BoolArray = IntArray = ByteArray = np.ndarray
