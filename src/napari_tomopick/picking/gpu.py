"""The products of template matching on a graphics card, where PyTorch finds one."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_ROWS, _COLUMNS = 4096, 65_536


@lru_cache(maxsize=1)
def graphics_card() -> str | None:
    """Name of the device for PyTorch; None where there is no PyTorch or no card that it can use."""
    # importing PyTorch takes a second or two: not without a card
    if importlib.util.find_spec("torch") is None or not Path("/dev/nvidiactl").exists():
        return None
    import torch

    return "cuda" if torch.cuda.is_available() else None


def combine(
    weights: NDArray[np.float32],
    maps: NDArray[np.float32],
    best: NDArray[np.float32],
    which: NDArray[np.int32],
    device: str,
) -> None:
    """Largest of each column of ``weights @ maps``, and its row, where larger than what is there.

    Parameters
    ----------
    weights : float32 array, shape (rows, k)
    maps : float32 array, shape (k, columns)
    best : float32 array, shape (columns,)
    which : int32 array, shape (columns,)
    device : str
        As PyTorch calls it.
    """
    import torch

    all_weights = torch.from_numpy(weights).to(device)
    for first in range(0, maps.shape[1], _COLUMNS):
        part = slice(first, first + _COLUMNS)
        columns = torch.from_numpy(np.ascontiguousarray(maps[:, part])).to(device)
        top = torch.from_numpy(best[part]).to(device)
        number = torch.from_numpy(which[part]).to(device)
        for row in range(0, len(weights), _ROWS):
            values, rows = torch.max(all_weights[row : row + _ROWS] @ columns, dim=0)
            better = values > top
            top = torch.where(better, values, top)
            number = torch.where(better, (rows + row).to(number.dtype), number)
        best[part], which[part] = top.cpu().numpy(), number.cpu().numpy()
