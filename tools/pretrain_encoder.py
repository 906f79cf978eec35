"""Teach the encoder to tell complexes apart: python tools/pretrain_encoder.py -o FILE.safetensors

Prototypical networks (Snell et al., NeurIPS 2017) on simulated volumes. A batch holds a few kinds of
complexes, each in many places and orientations, imaged alike; every place is to be nearer to the mean of its
own kind, made without it, than to the means of the other kinds and of the background. Beside that, voxels
near a complex learn the way to its centre. One CPU core does some 80 steps a minute; the weights that come
with the program took 2,300 steps of four volumes, in three stretches, the first without complexes that stand
on membranes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from random_complexes import Condition, Shape, random_scene, random_shape
from safetensors.numpy import load_file, save_file

from napari_tomopick.picking.encoder import DESCRIPTION, _build, module, weights_of

SHAPES = 6000
VOLUMES = 4
_NEAR = 3.2  # voxels from a centre within which the way to it is learned
BACKGROUND = SHAPES

Example = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Places that are described and their kinds; places near complexes and the ways to their centres."""


def batch(rng: np.random.Generator, shapes: list[Shape]) -> tuple[np.ndarray, list[Example]]:
    """Volumes of one condition with the same few kinds."""
    how = Condition.random(rng)
    chosen = rng.choice(len(shapes), rng.integers(5, 10), replace=False)
    volumes, examples = [], []
    for _ in range(VOLUMES):
        scene = random_scene(rng, shapes, chosen, how)
        volumes.append(scene.volume)
        examples.append(_example(rng, scene))
    return np.stack(volumes), examples


def _example(rng: np.random.Generator, scene) -> Example:  # type: ignore[no-untyped-def]
    n = len(scene.volume)

    def free(places: np.ndarray, distance: float) -> np.ndarray:
        if not len(scene.every) or not len(places):
            return places
        return places[np.linalg.norm(places[:, None] - scene.every[None], axis=2).min(axis=1) > distance]

    def around(count: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
        if not len(scene.positions):
            return np.zeros((0, 3)), np.zeros((0, 3))
        way = rng.normal(size=(count, 3))
        way *= rng.uniform(low, high, (count, 1)) / np.linalg.norm(way, axis=1, keepdims=True)
        return scene.positions[rng.integers(len(scene.positions), size=count)] + way, way

    rim, _ = around(12, 3.0, 6.0)
    rim = rim[((rim > 1) & (rim < n - 2)).all(axis=1)]
    empty = [free(rng.uniform(2, n - 3, (60, 3)), 3.0), free(rim, 2.7), scene.bad]
    clicked = scene.positions + rng.uniform(-0.7, 0.7, scene.positions.shape)
    places = np.concatenate([clicked, *empty])
    kinds = np.concatenate([scene.kinds, np.full(len(places) - len(clicked), BACKGROUND)])
    near, way = around(40, 0.0, _NEAR)
    return places, kinds, near, -way


def produce(seed: int, queue: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
    """Fill a queue with batches."""
    rng = np.random.default_rng(1)
    shapes = [random_shape(rng) for _ in range(SHAPES)]
    rng = np.random.default_rng(seed)
    while True:
        queue.put(batch(rng, shapes))


def sampled(fields: torch.Tensor, places: np.ndarray) -> torch.Tensor:
    """Values of fields ``(c, n, n, n)`` at places x, y, z."""
    grid = torch.from_numpy((2 * places + 1) / fields.shape[-1] - 1).float()[None, :, None, None, :]
    found = F.grid_sample(fields[None], grid, align_corners=False, padding_mode="border")
    return found[0, :, :, 0, 0].T


def loss_of(
    fields: torch.Tensor, examples: list[Example], sharpness: torch.Tensor
) -> tuple[torch.Tensor, float]:
    """The loss, and how many complexes are nearest to their own kind."""
    described = [sampled(f[:DESCRIPTION], e[0]) for f, e in zip(fields, examples, strict=True)]
    z = F.normalize(torch.cat(described), dim=1)
    kinds = torch.cat([torch.from_numpy(e[1]) for e in examples])
    known, own, counts = torch.unique(kinds, return_inverse=True, return_counts=True)
    member = F.one_hot(own, len(known)).float()
    sums = member.T @ z
    cosines = z @ F.normalize(sums, dim=1).T
    without = (z * F.normalize(sums[own] - z, dim=1)).sum(dim=1)
    odds = sharpness.exp() * torch.where(member.bool(), without[:, None], cosines)
    empty, enough = kinds == BACKGROUND, counts[own] > 2
    weight = torch.where(empty, 0.4, 1.0) * enough
    told_apart = (F.cross_entropy(odds, own, reduction="none") * weight).sum() / weight.sum()
    ways = [
        sampled(f[DESCRIPTION:], e[2]) - torch.from_numpy(e[3]).float()
        for f, e in zip(fields, examples, strict=True)
        if len(e[2])
    ]
    centred = torch.cat(ways) if ways else torch.zeros(1, 3)
    right = (odds.argmax(dim=1) == own)[~empty & enough].float().mean()
    return told_apart + 0.5 * F.smooth_l1_loss(centred, torch.zeros_like(centred)), float(right)


def main() -> None:
    """Train, and write the weights now and then."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    torch.set_num_threads(given.threads)
    queue: multiprocessing.Queue = multiprocessing.Queue(8)  # type: ignore[type-arg]
    multiprocessing.Process(target=produce, args=(given.seed + 100, queue), daemon=True).start()
    network = module(load_file(given.start)) if given.start else _build()
    network = network.train().to(memory_format=torch.channels_last_3d)
    sharpness = torch.nn.Parameter(torch.tensor(2.3))
    optimiser = torch.optim.AdamW([*network.parameters(), sharpness], lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=given.steps, pct_start=0.05)
    began, losses, rights = time.time(), [], []
    for step in range(1, given.steps + 1):
        volumes, examples = queue.get()
        with torch.autocast("cpu", torch.bfloat16):
            fields = network(torch.from_numpy(volumes)[:, None])
        loss, right = loss_of(fields.float(), examples, sharpness)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        rights.append(right)
        if step % 100 == 0 or step == given.steps:
            mean = np.mean(losses[-100:]), np.nanmean(rights[-100:])
            print(f"{step} loss {mean[0]:.3f} right {mean[1]:.3f} {time.time() - began:.0f} s", flush=True)
            save_file(weights_of(network), given.output)


if __name__ == "__main__":
    main()
