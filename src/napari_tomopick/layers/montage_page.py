"""The shown page of a montage as one grey picture, put together as its slices are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_tomopick.geometry.mosaic import Mosaic
from napari_tomopick.layers.montage_tiles import Tile, Tiles, tiles_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.layers.display import Display

GAP_GREY, EMPTY_GREY = 40, 24


class MontagePage:
    """See the module.

    Parameters
    ----------
    display : Display
        What the slices are sampled with, and how their grey values are shown.
    run, failed : callable
        See `napari_tomopick.layers.montage_tiles.Tiles`.

    Signals
    -------
    changed()
        The picture is another.
    """

    changed = Signal()

    def __init__(
        self, display: Display, run: Callable[..., None], failed: Callable[[Exception], None]
    ) -> None:
        self._display = display
        self._tiles = Tiles(run, failed)
        self._tiles.arrived.connect(self._paste)
        self._wanted: list[Tile] = []
        self._mosaic: Mosaic | None = None
        self._pasted: set[int] = set()
        self.picture: NDArray[np.uint8] | None = None

    @property
    def missing(self) -> int:
        """How many slices have not been read yet."""
        return self._tiles.missing

    def show(self, mosaic: Mosaic, thickness: int) -> None:
        """Show the page of a montage, with means over so many slices; the pages beside it are read as well.

        What is not read yet is dark.
        """
        sampler = self._display.sampler(thickness)
        self._mosaic, self._wanted = mosaic, tiles_of(mosaic, sampler.filtering)
        self.picture = _empty(mosaic)
        near = [mosaic.turned_to(mosaic.page + k) for k in (1, -1)]
        later = [tile for page in near if page != mosaic for tile in tiles_of(page, sampler.filtering)]
        self.repaint()
        self._tiles.want(self._wanted, later, sampler)

    def repaint(self) -> None:
        """Show the same in other grey values."""
        self._pasted = set()
        self._paste()

    def clear(self) -> None:
        """Let go of everything: the tomogram is closed."""
        self._tiles.forget()
        self._mosaic, self._wanted, self.picture = None, [], None

    def _paste(self) -> None:
        """Put what has been read since into the picture."""
        mosaic, picture = self._mosaic, self.picture
        if mosaic is None or picture is None:
            return
        width, height = mosaic.tile_size
        for tile in self._wanted:
            values = self._tiles.get(tile)
            if values is not None and tile.number not in self._pasted:
                left, bottom = (n // mosaic.spacing for n in mosaic.corner(tile.number))
                picture[bottom : bottom + height, left : left + width] = self._display.grey(values)
                self._pasted.add(tile.number)
        self.changed.emit()


def _empty(mosaic: Mosaic) -> NDArray[np.uint8]:
    """A page of which nothing has been read."""
    width, height = (n // mosaic.spacing for n in mosaic.size)
    picture = np.full((height, width), GAP_GREY, np.uint8)
    across, up = mosaic.tile_size
    for number in mosaic.shown:
        left, bottom = (n // mosaic.spacing for n in mosaic.corner(number))
        picture[bottom : bottom + up, left : left + across] = EMPTY_GREY
    return picture
