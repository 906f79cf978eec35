"""A stand-in for the network: what is about as bright as the positive references is a particle."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.volumes import open_volume

SIZE = 10.0


@dataclass(frozen=True)
class Told:
    positive: int = 0
    negative: int = 0
    seed: int = 0
    seconds: float = 0.0
    rounds: int = 0


@dataclass(frozen=True)
class FakePicker:
    level: float
    stage: str = "instant"
    name: str = ""
    voxel_size_angstrom: float = 10.0
    particle_size: float = SIZE
    network_box: float = 2 * SIZE
    box_size: int = 16
    threshold: float = 0.5
    history: tuple[float, ...] = ()
    held_back: float | None = None
    references_differ: bool = False
    taught: Told = Told()

    def lines(self):
        return [f"A {self.stage} picker taught at {self.voxel_size_angstrom:g} Å per voxel."]

    def save(self, path):
        Path(path).write_text(json.dumps([self.level, self.stage, self.voxel_size_angstrom]))


class Smooth(NamedTuple):
    tomogram: Any
    volume: np.ndarray


class FakeScores:
    def __init__(self, values):
        self.values, self.grid = values, SimpleNamespace(factors=np.ones(3))

    def peaks(self, threshold, minimum_distance, maximum_number=None):
        tops = (self.values == maximum_filter(self.values, 5)) & (self.values >= threshold)
        places = np.argwhere(tops)[:, ::-1].astype(float)
        scores = self.values[tops]
        kept = []
        for i in np.argsort(-scores, kind="stable"):
            if len(kept) == maximum_number:
                break
            if not minimum_distance or all(
                np.linalg.norm(places[i] - places[k]) >= minimum_distance for k in kept
            ):
                kept.append(i)
        return places[kept], scores[kept].astype(float)

    def suggestions(self, number, minimum_distance, away_from=()):
        places, scores = self.peaks(0.2, minimum_distance)
        if len(away_from) and len(places):
            far = np.linalg.norm(places[:, None] - away_from[None], axis=2).min(axis=1) >= minimum_distance
            places, scores = places[far], scores[far]
        order = np.argsort(np.abs(scores - 0.5))[:number]
        return places[order], scores[order]


@dataclass(frozen=True)
class State:
    step: int
    steps: int
    loss: tuple[float, ...]
    held_back: float | None = None


@dataclass
class FakeEngine:
    """Counts what it is asked for; ``gate`` holds everything slow up until it is set."""

    calls: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    steps: int = 5
    fails: Exception | None = None
    wanted: list = field(default_factory=list)

    def __post_init__(self):
        self.gate.set()

    def _wait(self, progress):
        while not self.gate.wait(0.01):
            progress(0, 1, "waiting")

    def _smooth(self, tomogram):
        volume = open_volume(tomogram.path, voxel_size_angstrom=tomogram.voxel_size_angstrom).data
        return gaussian_filter(np.asarray(volume, np.float32), 2.0)

    def prepare(self, tomogram, sizes, taught, like, progress):
        self.calls.append(f"prepare {tomogram.name}")
        self._wait(progress)
        return Smooth(tomogram, self._smooth(tomogram))

    def fits(self, prepared, picker):
        return True

    def learn(self, references, name):
        self.calls.append("learn")
        return FakePicker(self._level(references), name=name)

    def _level(self, references):
        def values(which):
            rows = [
                prepared.volume[tuple(np.rint(points[:, ::-1]).astype(int).T)]
                for prepared, *both in references
                for points in [both[which]]
                if len(points)
            ]
            return np.concatenate(rows).mean()

        return float((values(0) + values(1)) / 2)

    def train(self, references, sizes, *, name, start, prepared, rounds, seed, report, progress):
        self.calls.append("train" if start is None else "train more")
        self.wanted = list(references)
        if self.fails is not None:
            raise self.fails
        loss = [] if start is None else list(start.history)
        for step in range(self.steps):
            self._wait(progress)
            progress(step, self.steps, f"training, {rounds} rounds")
            loss.append(1.0 / (len(loss) + 1))
            report(State(step, self.steps, tuple(loss)))
        smooth = [Smooth(t.tomogram, self._smooth(t.tomogram)) for t in references]
        level = self._level([(s, t.positive, t.negative) for s, t in zip(smooth, references, strict=True)])
        told = Told(
            sum(len(t.positive) for t in references),
            sum(len(t.negative) for t in references),
            seed,
            20.0 + (0 if start is None else start.taught.seconds),
            rounds + (0 if start is None else start.taught.rounds),
        )
        return FakePicker(level, "network", history=tuple(loss), held_back=0.9, taught=told)

    def score(self, target, picker, *, first_z, found, progress):
        self.calls.append("score" if isinstance(target, Smooth) else f"score {target.name}")
        self._wait(progress)
        if self.fails is not None:
            raise self.fails
        smooth = target.volume if isinstance(target, Smooth) else self._smooth(target)
        scores = FakeScores(1 / (1 + np.exp(-4 * (smooth / picker.level - 1))))
        if found is not None:
            places, values = scores.peaks(0.3, SIZE)
            order = np.argsort(np.abs(places[:, 2] - (first_z or 0)))
            for part in np.array_split(order, 3):
                progress(len(part), len(order), "looking")
                found(places[part], values[part])
        return scores

    def load(self, path):
        try:
            level, stage, size = json.loads(Path(path).read_text())
        except (OSError, ValueError) as error:
            raise FileFormatError(f"{path} holds no network") from error
        return FakePicker(level, stage, voxel_size_angstrom=size)


def planted(shape=(40, 60, 80), n=12, seed=0):
    """A volume with bright balls at well separated places, and those places, x, y, z."""
    rng = np.random.default_rng(seed)
    places = []
    while len(places) < n:
        place = rng.uniform(8, np.array(shape[::-1]) - 8).round()
        if all(np.linalg.norm(place - other) > 14 for other in places):
            places.append(place)
    volume = np.zeros(shape, np.float32)
    for (x, y, z), bright in zip(np.array(places, int), np.linspace(0.75, 1.25, n), strict=True):
        volume[z, y, x] = bright
    volume = gaussian_filter(volume, 3.0)
    volume /= volume.max()
    return volume + rng.normal(0, 0.15, shape).astype(np.float32), np.array(places)
