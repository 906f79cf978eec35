"""The encoder: a small network that tells kinds of complexes apart, whatever their orientation.

For every voxel of the working grid it gives a description, a unit vector that points alike for two complexes
of one kind and otherwise for others, and the way to the centre of the complex. It has learned that on
simulated complexes of thousands of random shapes (``tools/pretrain_encoder.py``), none of which anyone will
ever pick: what it brings to a tomogram is how to compare. A handful of references says what to look for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.picking.torch_extra import device, torch

if TYPE_CHECKING:
    from torch import nn

DESCRIPTION = 32
"""Length of a description."""
CHANNELS = 32
BLOCKS = 2
REACH = 12
"""From how far, in voxels of the working grid, a voxel's description takes something into account; even."""

Weights = Mapping[str, NDArray[np.float32]]
_SLAB_VOXELS = 3_000_000


@lru_cache(maxsize=1)
def pretrained() -> Weights:
    """The weights that come with the program; shared: do not write."""
    from safetensors.numpy import load

    data = (files("napari_tomopick.picking") / "encoder.safetensors").read_bytes()
    return {name: np.asarray(array, np.float32) for name, array in load(data).items()}


def module(weights: Weights) -> nn.Module:
    """The network with these weights, as a PyTorch module.

    It takes a tensor ``(b, 1, z, y, x)`` with even sides and gives ``(b, DESCRIPTION + 3, z, y, x)``:
    descriptions that are not yet of unit length, and the way x, y, z to the centre in voxels.

    Raises
    ------
    ValueError
        If the weights are not those of such a network.
    """
    network = _build()
    state = {name: torch().from_numpy(np.array(array, np.float32)) for name, array in weights.items()}
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ValueError(f"these are not the weights of this network: {error}") from error
    return network


def weights_of(network: nn.Module) -> dict[str, NDArray[np.float32]]:
    """The weights of a module, copied."""
    return {
        name: tensor.detach().float().cpu().numpy().copy() for name, tensor in network.state_dict().items()
    }


def _build() -> nn.Module:
    nn = torch().nn

    def convolution(inputs: int, outputs: int) -> list[Any]:
        return [nn.Conv3d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm3d(outputs)]

    class Block(nn.Module):  # type: ignore[name-defined]
        """Two convolutions that add to what comes in (He et al., 2016)."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(
                *convolution(CHANNELS, CHANNELS), nn.ReLU(), *convolution(CHANNELS, CHANNELS)
            )

        def forward(self, x: Any) -> Any:
            return nn.functional.relu(x + self.layers(x))

    class Encoder(nn.Module):  # type: ignore[name-defined]
        """All at half of the sampling: 2 x 2 x 2 voxels in and out are channels (Shi et al., 2016)."""

        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(*convolution(8, CHANNELS), nn.ReLU())
            self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
            self.last = nn.Conv3d(CHANNELS, 8 * (DESCRIPTION + 3), 1)

        def forward(self, x: Any) -> Any:
            folded = _fold(x).contiguous(memory_format=torch().channels_last_3d)
            return _unfold(self.last(self.blocks(self.first(folded))))

    return Encoder()


def _fold(x: Any) -> Any:
    b, c, z, y, w = x.shape
    x = x.reshape(b, c, z // 2, 2, y // 2, 2, w // 2, 2)
    return x.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(b, 8 * c, z // 2, y // 2, w // 2)


def _unfold(x: Any) -> Any:
    b, c, z, y, w = x.shape
    x = x.reshape(b, c // 8, 2, 2, 2, z, y, w)
    return x.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(b, c // 8, 2 * z, 2 * y, 2 * w)


def described(
    weights: Weights,
    volume: NDArray[np.float32],
    *,
    first: float | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Describe every voxel of a volume, slab by slab, up to its border, beyond which it goes on mirrored.

    Parameters
    ----------
    weights : mapping
    volume : float32 array, shape (nz, ny, nx)
        On the working grid, normalised.
    first : float, optional
        Section nearest to which to begin. Default: the first.
    report : callable, optional
        Called with (slabs done, slabs) before each; it may raise to stop.

    Yields
    ------
    (slice along z, float32 array of shape (DESCRIPTION + 3, k, ny, nx))
        Descriptions are of unit length.
    """
    t = torch()
    where = device()
    network = module(weights).eval().to(where, memory_format=t.channels_last_3d)
    nz, ny, nx = volume.shape
    sides = [(REACH, REACH + n % 2) for n in (ny, nx)]
    area = (ny + 2 * REACH) * (nx + 2 * REACH)
    thick = max(8, min(nz, _SLAB_VOXELS // area - 2 * REACH))
    starts = list(range(0, nz, thick))
    if first is not None:
        starts.sort(key=lambda z: abs(min(z + thick, nz) / 2 + z / 2 - first))
    for done, z in enumerate(starts):
        if report is not None:
            report(done, len(starts))
        end = min(z + thick, nz)
        # mirrored beyond the faces only: what lies beside the slab is taken along
        below, above = max(0, z - REACH), min(nz, end + REACH)
        pad = (REACH - (z - below), REACH - (above - end) + (end - z) % 2)
        box = np.pad(volume[below:above], (pad, *sides), mode="symmetric")
        with t.inference_mode():
            found = network(t.from_numpy(np.ascontiguousarray(box))[None, None].to(where))[0]
            found = found[:, REACH : REACH + end - z, REACH : REACH + ny, REACH : REACH + nx].float()
            found[:DESCRIPTION] = t.nn.functional.normalize(found[:DESCRIPTION], dim=0)
        yield slice(z, end), found.cpu().numpy()
