"""The tiles in which an exact search goes through a volume: cut so that the memory is enough."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.geometry.cropping import mirrored_indices
from napari_tomopick.picking.exhaustive_template import ExactTemplate
from napari_tomopick.picking.transform_plans import good_length

Borders = Literal["mirrored", "inside"]

_MOST_TILES = 64  # along an axis
_TILE_COST = 500_000  # of what is done once for a tile and a pair of orientations, in voxels

Span = tuple[int, int]


def wanted_places(shape: tuple[int, ...], template: ExactTemplate, borders: Borders) -> tuple[Span, ...]:
    """First place and the one after the last that are scored, along z, y, x."""
    if borders == "mirrored":
        return tuple((0, n) for n in shape)
    if borders != "inside":
        raise ValueError(f'borders are "mirrored" or "inside", got {borders!r}')
    return tuple((template.before, n - template.after) for n in shape)


def transform_lengths(sizes: tuple[int, ...], width: int) -> tuple[int, ...]:
    """Lengths of the transforms for so many places along z, y, x."""
    from napari_tomopick.picking.vector_code import LANES

    multiples = (1, 1, LANES)
    return tuple(good_length(n + width - 1, m) for n, m in zip(sizes, multiples, strict=True))


def _bytes(sizes: tuple[int, ...], lengths: tuple[int, ...], spherical: bool) -> int:
    """About what searching a tile takes at its highest."""
    volume = math.prod(lengths)
    field = 8 * sizes[0] * lengths[1] * lengths[2]
    maps = (12 if spherical else 16) * math.prod(sizes)
    spectra = 8 * volume * (1 if spherical else 2)
    return max(spectra + field + maps, spectra + 12 * volume)


def tiles_of(wanted: tuple[Span, ...], template: ExactTemplate, memory: int) -> Iterator[tuple[Span, ...]]:
    """Cut what is wanted into tiles, so that the memory is enough and the least is computed twice."""
    whole = tuple(end - first for first, end in wanted)
    options = []
    for n in whole:
        sizes = {-(-n // cuts) for cuts in range(1, _MOST_TILES + 1)}
        options.append([size for size in sizes if size >= min(n, template.width)])
    # enough memory first, then little work; the least memory where none is enough
    costs: list[tuple[float, float, tuple[int, ...]]] = []
    for chosen in itertools.product(*options):
        lengths = transform_lengths(chosen, template.width)
        needed = _bytes(chosen, lengths, template.spherical)
        count = math.prod(-(-n // size) for n, size in zip(whole, chosen, strict=True))
        costs.append((max(needed - memory, 0), count * (math.prod(lengths) + _TILE_COST), chosen))
    best = min(costs)[2]
    spans = [
        [(at, min(at + size, end)) for at in range(first, end, size)]
        for (first, end), size in zip(wanted, best, strict=True)
    ]
    yield from itertools.product(*spans)


def piece_of(volume: Any, tile: tuple[Span, ...], template: ExactTemplate) -> NDArray[np.float32]:
    """What the places of a tile look at; mirrored at the faces of the volume."""
    places, spans = [], []
    for (first, end), n in zip(tile, volume.shape, strict=True):
        start = first - template.before
        at = mirrored_indices(start, end + template.after - start, n)
        spans.append(slice(int(at.min()), int(at.max()) + 1))
        places.append(at - at.min())
    part = np.asarray(volume[tuple(spans)], dtype=np.float32)
    return np.ascontiguousarray(part[np.ix_(*places)])
