"""The reference network of EMAN2's particle picker as a recipe, made anew in PyTorch from its description.

Used by `network.py`. It follows the versions since 2022: a network of three layers of 9x9 filters over three
channels, each the sum of some of nine slices; patches of 96x96 pixels, in which one Gaussian blob is asked
for at the centre and nothing elsewhere; some 500 copies of the references of each class, turned in the plane;
Adam, 20 passes; every fourth slice; its own rules for peaks, and its threshold.

It is not the program. What the program leaves to its user is set to what suits it, and where it loses
something by its making this does not:

- The tomogram is resampled so that 2.5 particle diameters span the 96 pixels. Particles below 38 voxels are
  enlarged for it, which its own "ChangeBx" cannot do: a user would load a tomogram of smaller voxels.
- The data are high-passed and normalised, which only versions since 2025 do.
- The tomogram goes on as its mirror image beyond its border; the program finds nothing within 48 pixels of
  it.
- Positions are those of the middle of an output pixel; the program's are some 2 pixels too low in x and y.
- A network whose output is zero everywhere learns no more, as its last layer is rectified: at a rate of 1e-4
  this befalls some trainings, depending on the seed. They are begun anew.

It learns with a rate of 1e-5, which is what the program does whatever its form says, or of 1e-4, what the
form says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from network_matching import resampled
from network_peers import Picks
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

Array = NDArray[np.float64]

_PATCH, _SLICES = 96, 9
_CHANNELS = ((0, 4), (3, 7), (6, 9))
_FIELD = 2.5  # particle diameters that a patch spans
_MASK, _FALL_OFF = 42.0, 4.0
_COPIES = 500  # of the references of each class together
_PASSES, _BATCH = 20, 32
_TRIES = 5
_TARGET = 1.0  # TargetSize, in output pixels
_HIGH_PASS = 8  # cycles across the tomogram
_STEP = 4  # pixels of the input per output pixel, and slices from one slab to the next
_SMOOTH = 1 / np.pi  # output pixels: a Gaussian low-pass with a cutoff of half a cycle per pixel
_THRESHOLD, _CIRCLE = 0.8, 24.0


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network, and the loss of each pass."""

    network: Any
    diameter: float
    losses: tuple[float, ...]


class Eman2Recipe:
    """The recipe, with a learning rate."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self.name = f"eman2 recipe, {rate:g}"

    def train(
        self,
        volume: NDArray[np.float32],
        voxel_size: float,
        tilt_range: tuple[float, float],
        positives: Array,
        negatives: Array,
        diameter: float,
        seed: int,
    ) -> Trained:
        """Train on turned copies of the references."""
        import torch

        generator = torch.Generator().manual_seed(seed)
        data, factors = _prepared(volume, diameter)
        clicks = np.concatenate([positives, negatives]) / factors
        share = len(positives) / len(clicks)
        images, labels = [], []
        for row, click in enumerate(clicks):
            positive = row < len(positives)
            copies = round(_COPIES / (len(clicks) * (share if positive else 1 - share)) + 1)
            images.append(_turned(_patch(data, click), copies, generator))
            labels.append(torch.full((copies,), float(positive)))
        inputs, label = torch.cat(images), torch.cat(labels)

        for _ in range(_TRIES):
            network, losses = self._learnt(inputs, label, generator)
            if len(losses) == _PASSES:
                break
        return Trained(network, diameter, losses)

    def _learnt(self, inputs: Any, label: Any, generator: Any) -> tuple[Any, tuple[float, ...]]:
        """A network, and the loss of each pass; fewer than asked for if the network died."""
        import torch

        network = _network(generator)
        optimizer = torch.optim.Adam(network.parameters(), lr=self._rate)
        r = torch.arange(_PATCH // _STEP) - (_PATCH // _STEP - 1) / 2
        blob = torch.exp(-(r[:, None] ** 2 + r**2) / (4 * _TARGET**2))
        dead = float(0.5 * label.mean() * (blob**2).sum())
        losses: list[float] = []
        while len(losses) < _PASSES and not (losses and abs(losses[-1] - dead) < 1e-5):
            total = 0.0
            for rows in torch.randperm(len(inputs), generator=generator).split(_BATCH):
                error = network(inputs[rows])[:, 0] - label[rows, None, None] * blob
                loss = 0.5 * (error**2).sum(dim=(1, 2)).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += float(loss.detach()) * len(rows)
            losses.append(total / len(inputs))
        return network, tuple(losses)

    def pick(self, model: Trained, volume: NDArray[np.float32]) -> Picks:
        """Apply the network to every fourth slice and find its peaks."""
        data, factors = _prepared(volume, model.diameter)
        output = gaussian_filter(_applied(model.network, data), _SMOOTH)
        output[[0, -1]] = 0
        rank = sum(_shifted(output, offset) >= output for offset in np.ndindex(3, 3, 3))
        at = np.argwhere((rank <= 5) & (output > 0.01 * max(output.max(), 1e-6)))
        values = output[tuple(at.T)]
        order = np.argsort(-values, kind="stable")[:20000]
        at, values = at[order], values[order]
        pixels = _STEP * at[:, ::-1] + np.array([_STEP / 2, _STEP / 2, 0])
        kept = _apart(pixels, _CIRCLE)
        return Picks(pixels[kept] * factors, values[kept].astype(float), _THRESHOLD)


def _prepared(volume: NDArray[np.float32], diameter: float) -> tuple[NDArray[np.float32], Array]:
    """The tomogram at the network's sampling, high-passed and normalised; voxels per pixel along x, y, z."""
    data, factors = resampled(volume, _FIELD * diameter / _PATCH)
    nz, ny, nx = data.shape
    z, y, x = np.meshgrid(fft.fftfreq(nz), fft.fftfreq(ny), fft.rfftfreq(nx), indexing="ij")
    low = np.exp(-0.5 * (z**2 + y**2 + x**2) * (nx / _HIGH_PASS) ** 2).astype(np.float32)
    data = fft.irfftn(fft.rfftn(data) * (1 - low), data.shape)
    return np.asarray((data - data.mean()) / data.std(), np.float32), factors


def _channels(slices: Any, torch: Any) -> Any:
    """Nine slices ``(9, h, w)`` summed into three, each divided by three."""
    return torch.stack([slices[first:last].sum(dim=0) / 3 for first, last in _CHANNELS])


def _patch(data: NDArray[np.float32], click: Array) -> NDArray[np.float32]:
    """The nine slices about a click, under a soft spherical mask."""
    x, y, z = np.round(click).astype(int)
    half, reach = _PATCH // 2, _SLICES // 2
    slices = data[max(0, z - reach) : z + reach + 1]
    padded = np.pad(slices, [(0, 0), (half, half), (half, half)], mode="reflect")
    patch = padded[:, y : y + _PATCH, x : x + _PATCH]
    missing = (max(0, reach - z), max(0, z + reach + 1 - len(data)))
    patch = np.pad(patch, [missing, (0, 0), (0, 0)], mode="edge")
    d = np.arange(_PATCH) - half
    r = np.sqrt((np.arange(_SLICES) - reach)[:, None, None] ** 2 + d[:, None] ** 2 + d**2)
    return patch * np.exp(-(np.maximum(0, (r - _MASK) / _FALL_OFF) ** 2)).astype(np.float32)


def _turned(patch: NDArray[np.float32], copies: int, generator: Any) -> Any:
    """Copies turned in the plane by random angles, as inputs ``(copies, 3, 96, 96)``."""
    import torch
    from torch.nn import functional

    image = _channels(torch.from_numpy(patch), torch)[None].expand(copies, -1, -1, -1)
    angle = 2 * torch.pi * torch.rand(copies, generator=generator)
    zero = torch.zeros(copies)
    turn = torch.stack([angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos(), zero], dim=1)
    grid = functional.affine_grid(turn.view(-1, 2, 3), list(image.shape), align_corners=False)
    return functional.grid_sample(image, grid, align_corners=False).clamp(-4, 4)


def _network(generator: Any) -> Any:
    import torch
    from torch import nn

    layers = [nn.Conv2d(n, m, 9, padding=4) for n, m in ((3, 48), (48, 48), (48, 1))]
    for layer in layers:
        nn.init.trunc_normal_(layer.weight, std=0.01, a=-0.02, b=0.02, generator=generator)
        nn.init.zeros_(layer.bias)
    first, second, third = layers
    network = nn.Sequential(
        first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(), nn.MaxPool2d(2), third, nn.ReLU()
    )
    return network.to(memory_format=torch.channels_last)


def _applied(network: Any, data: NDArray[np.float32]) -> NDArray[np.float32]:
    import torch

    margin = _PATCH // 2
    _, ny, nx = data.shape
    rows, columns = -(-ny // _STEP), -(-nx // _STEP)
    output = []
    with torch.inference_mode():
        for z in range(0, len(data), _STEP):
            near = np.clip(np.arange(z - _SLICES // 2, z + _SLICES // 2 + 1), 0, len(data) - 1)
            sides = [
                (0, 0),
                (margin, margin + _STEP * rows - ny),
                (margin, margin + _STEP * columns - nx),
            ]
            slices = torch.from_numpy(np.pad(data[near], sides, mode="reflect"))
            found = network(_channels(slices, torch).clamp(-4, 4)[None])[0, 0]
            edge = margin // _STEP
            output.append(found[edge : edge + rows, edge : edge + columns].numpy())
    return np.array(output)


def _shifted(volume: NDArray, offset: tuple[int, ...]) -> NDArray:
    padded = np.pad(volume, 1, constant_values=-np.inf)
    return padded[tuple(slice(k, k + n) for k, n in zip(offset, volume.shape, strict=True))]


def _apart(places: Array, distance: float) -> list[int]:
    """Rows, in order, none closer to a row before it that was kept."""
    neighbours = cKDTree(places).query_ball_point(places, distance) if len(places) else []
    free = np.ones(len(places), bool)
    kept = []
    for row, near in enumerate(neighbours):
        if free[row]:
            kept.append(row)
            free[near] = False
    return kept
