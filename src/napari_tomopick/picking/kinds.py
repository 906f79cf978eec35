"""The instant stage: descriptions of the references, and how alike every other voxel's is.

A kind is the mean description of what is known of it. A voxel belongs to it with the probability that the
encoder was trained to give (prototypical networks, Snell et al., NeurIPS 2017): the softmax, over the kinds
that are known and the background, of the cosines between their descriptions and the voxel's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SHARPNESS = 10.0
"""What cosines are multiplied by before the softmax: the encoder's own, from its training."""

_ALIKE = 0.75  # cosine above which two negatives are taken to be of one kind
_EMPTY = 0.7  # cosine with the background above which a negative shows only that
_SAMPLES = 4000


@dataclass(frozen=True, eq=False)
class Kinds:
    """Descriptions, each a unit vector of length c.

    Parameters
    ----------
    positive : array, shape (c,)
        What is looked for.
    negative : array, shape (n, c)
        Other kinds that were pointed out.
    background : array, shape (c,)
        What there is nearly everywhere.
    """

    positive: NDArray[np.float32]
    negative: NDArray[np.float32]
    background: NDArray[np.float32]

    def evidence(self, descriptions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logarithm of the odds that a description, ``(c, ...)``, is of the kind looked for.

        Against it stand the background and that other kind which is most alike.
        """
        flat = descriptions.reshape(len(descriptions), -1)
        rest = SHARPNESS * (self.background @ flat)
        if len(self.negative):
            # the most alike of them: what is pointed out twice under two names must not count twice
            rest = np.logaddexp(rest, SHARPNESS * (self.negative @ flat).max(axis=0))
        found = SHARPNESS * (self.positive @ flat) - rest
        return np.asarray(found.reshape(descriptions.shape[1:]), np.float32)


def learned(
    positive: NDArray[np.float32], negative: NDArray[np.float32], background: NDArray[np.float32]
) -> Kinds:
    """Kinds from the descriptions of references, ``(n, c)`` each, and that of the background."""
    groups: list[list[NDArray[np.float32]]] = []
    for description in negative:
        if description @ background > _EMPTY:
            continue
        for group in groups:
            if unit(np.mean(group, axis=0)) @ description > _ALIKE:
                group.append(description)
                break
        else:
            groups.append([description])
    others = [unit(np.mean(group, axis=0)) for group in groups]
    return Kinds(
        unit(positive.mean(axis=0)),
        np.array(others, np.float32).reshape(-1, positive.shape[1]),
        background,
    )


def judged_without_itself(
    positive: NDArray[np.float32], negative: NDArray[np.float32], background: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Evidence for each positive reference, had it not been shown: ``(n,)``; 0 for the only one."""
    if len(positive) < 2:
        return np.zeros(len(positive), np.float32)
    rows = np.arange(len(positive))
    return np.array(
        [learned(positive[rows != i], negative, background).evidence(positive[i]) for i in rows], np.float32
    ).reshape(-1)


def background_of(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The description that most of a sample, ``(n, c)``, has: its mean without what is least alike."""
    found = unit(np.median(samples, axis=0))
    for _ in range(5):
        alike = samples @ found
        found = unit(samples[alike > np.quantile(alike, 0.3)].mean(axis=0))
    return found


def unit(vector: NDArray[np.floating]) -> NDArray[np.float32]:
    """The vector, or each row of several, at length 1."""
    return np.asarray(vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9), np.float32)


def at_places(field: NDArray[np.floating], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Values of a field ``(c, z, y, x)`` at places ``(n, 3)``, x, y, z: trilinear, ``(n, c)``."""
    index = places[:, ::-1].T
    return np.stack(
        [
            ndimage.map_coordinates(np.asarray(channel, np.float32), index, order=1, mode="nearest")
            for channel in field
        ],
        axis=-1,
    ).reshape(len(places), len(field))


def sample_places(shape: tuple[int, int, int], seed: int = 0) -> NDArray[np.int64]:
    """Voxels spread at random over a volume, the same for a shape: indices ``(3, n)`` along z, y, x."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, n, _SAMPLES) for n in shape])
