"""The slices of a montage: read in the background, a few at a time, and kept as long as there is room."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_tomopick.geometry.mosaic import Mosaic, Region
from napari_tomopick.geometry.planes import Axis, Plane

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.layers.display import Filtering, Sampler

BUDGET_BYTES = 256 * 2**20
# what has been read so far is shown this often
BATCH_SECONDS = 0.05


@dataclass(frozen=True)
class Tile:
    """What of a slice is shown, and how: all that its grey values depend on within a tomogram."""

    axis: Axis
    number: int
    region: Region
    spacing: int
    filtering: Filtering

    @property
    def pixels(self) -> int:
        """How many it has."""
        return -(-self.region.width // self.spacing) * -(-self.region.height // self.spacing)

    def read(self, sampler: Sampler) -> NDArray[np.float32]:
        """Read it: ``(height, width)`` float32, row 0 the lowest; means over ``spacing`` voxels each way."""
        left, bottom = self.region.left, self.region.bottom
        plane = Plane.orthogonal(self.axis, self.number).moved(left, bottom)
        picture = sampler.section(plane, self.region.width, self.region.height)
        if self.spacing == 1:
            return picture
        pad = [(0, -n % self.spacing) for n in picture.shape]
        blocks = np.pad(picture, pad, mode="edge")
        height, width = (n // self.spacing for n in blocks.shape)
        mean = blocks.reshape(height, self.spacing, width, self.spacing).mean(axis=(1, 3))
        return np.asarray(mean, np.float32)


def tiles_of(mosaic: Mosaic, filtering: Filtering) -> list[Tile]:
    """The tiles on the shown page of a montage, in reading order."""
    return [Tile(mosaic.axis, number, mosaic.region, mosaic.spacing, filtering) for number in mosaic.shown]


class Tiles:
    """Tiles of one tomogram.

    Parameters
    ----------
    run : callable
        ``run(function, done, failed)``; see `napari_tomopick.layers.workspace.Runner`.
    failed : callable
        Told the exception if a tile cannot be read.
    budget_bytes : int
        How much is kept of what has been shown; what is wanted now is kept in any case.

    Signals
    -------
    arrived()
        Some of the tiles that are wanted have been read.
    """

    arrived = Signal()

    def __init__(
        self, run: Callable[..., None], failed: Callable[[Exception], None], budget_bytes: int = BUDGET_BYTES
    ) -> None:
        self._run, self._failed = run, failed
        self._budget = budget_bytes
        self._kept: OrderedDict[Tile, NDArray[np.float32]] = OrderedDict()
        self._wanted: frozenset[Tile] = frozenset()
        self._stop = threading.Event()
        self._opening = object()

    def get(self, tile: Tile) -> NDArray[np.float32] | None:
        """A tile, if it has been read."""
        return self._kept.get(tile)

    @property
    def missing(self) -> int:
        """How many of the wanted tiles have not been read yet."""
        return sum(tile not in self._kept for tile in self._wanted)

    def want(self, tiles: Sequence[Tile], later: Sequence[Tile], sampler: Sampler) -> None:
        """Have tiles read, and then others that will soon be wanted; what was wanted so far is given up.

        Parameters
        ----------
        tiles : sequence of Tile
            In the order in which they are read.
        later : sequence of Tile
            Read only as far as they fit into the budget.
        sampler : Sampler
            What reads them; its filtering is that of the tiles.
        """
        self._stop.set()
        stop = self._stop = threading.Event()
        self._wanted = frozenset(tiles)
        for tile in tiles:
            if tile in self._kept:
                self._kept.move_to_end(tile)
        bytes_each = max((4 * tile.pixels for tile in tiles), default=1)
        room = max(0, self._budget // bytes_each - len(tiles))
        queue = [tile for tile in (*tiles, *later[:room]) if tile not in self._kept]
        self._read_on(queue, sampler, stop)

    def forget(self) -> None:
        """Give up everything: the tomogram is closed."""
        self._stop.set()
        self._opening = object()
        self._wanted = frozenset()
        self._kept.clear()

    def _read_on(self, queue: list[Tile], sampler: Sampler, stop: threading.Event) -> None:
        if not queue:
            return
        opening = self._opening

        def read() -> list[tuple[Tile, Any]]:
            found: list[tuple[Tile, Any]] = []
            until = time.perf_counter() + BATCH_SECONDS
            for tile in queue:
                if stop.is_set() or (found and time.perf_counter() > until):
                    break
                found.append((tile, tile.read(sampler)))
            return found

        def done(found: list[tuple[Tile, Any]]) -> None:
            if opening is not self._opening:
                return  # of a tomogram that was closed meanwhile
            self._keep(found)
            if any(tile in self._wanted for tile, _ in found):
                self.arrived.emit()
            if not stop.is_set():
                self._read_on(queue[len(found) :], sampler, stop)

        def failed(error: Exception) -> None:
            if not stop.is_set():
                stop.set()
                self._failed(error)

        self._run(read, done, failed)

    def _keep(self, found: list[tuple[Tile, Any]]) -> None:
        self._kept.update(found)
        total = sum(picture.nbytes for picture in self._kept.values())
        for tile in list(self._kept):
            if total <= self._budget:
                break
            if tile not in self._wanted:
                total -= self._kept.pop(tile).nbytes
