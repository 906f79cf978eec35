"""`Pictures`: reads what is looked at in the background, and keeps what was read last."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_tomopick.layers.gallery_contrast import Limits, robust_limits
from napari_tomopick.layers.gallery_cutting import Cut, Volumes, sections
from napari_tomopick.layers.repeating import Repeating

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.layers.workspace import Runner

KEPT_BYTES = 64 * 2**20
# read before anyone is told: few enough that the screen fills visibly, and that another page does not wait
CHUNK, CHUNK_SECONDS = 64, 0.05


@dataclass(frozen=True, eq=False)
class Picture:
    """The sections of a box.

    Parameters
    ----------
    sections : float32 array, shape (k, N, N)
        Row 0 is the lowest; NaN outside the volume.
    limits : tuple of 2 float, optional
        The grey values that suit it alone; None if there is nothing in it.
    """

    sections: NDArray[np.float32]
    limits: Limits | None


class Pictures:
    """What was read last, and the reading of more.

    Parameters
    ----------
    runner : callable
        Returns what runs it, each time anew.
    failed : callable
        Called with what went wrong.

    Signals
    -------
    loaded()
        Pictures were read that are looked at.
    """

    loaded = Signal()

    def __init__(self, runner: Callable[[], Runner], failed: Callable[[Exception], None]) -> None:
        self._runner, self._failed = runner, failed
        self._kept: OrderedDict[Cut, Picture] = OrderedDict()
        self._bytes = 0
        self._seen: dict[Cut, None] = {}
        self._soon: dict[Cut, None] = {}
        self._volumes: Volumes | None = None
        self._reading = False
        self._read = Repeating(self._read_some)

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, cut: Cut) -> Picture | None:
        """The picture, if it was read."""
        return self._kept.get(cut)

    def want(self, volumes: Volumes | None, seen: Sequence[Cut], soon: Sequence[Cut] = ()) -> None:
        """Read what is looked at, and then what may be next; what was wanted before is not read any more.

        Parameters
        ----------
        volumes : Volumes or None
            None: nothing can be read.
        seen : sequence of Cut
        soon : sequence of Cut
            The nearest first.
        """
        # replaced as a whole: the thread that reads asks whether its cuts are still wanted
        self._volumes = volumes
        self._seen, self._soon = dict.fromkeys(seen), dict.fromkeys(soon)
        if volumes is None:
            self._kept.clear()
            self._bytes = 0
        for cut in self._seen:
            if cut in self._kept:
                self._kept.move_to_end(cut)
        self._read()

    def _read_some(self) -> None:
        volumes = self._volumes
        if self._reading or volumes is None:
            return
        missing = [cut for cut in self._seen if cut not in self._kept]
        if not missing and self._bytes < KEPT_BYTES / 2:
            missing = [cut for cut in self._soon if cut not in self._kept][:CHUNK]
        if not missing:
            return
        # as they lie in the file
        chunk = sorted(missing, key=lambda cut: (cut.number, cut.centre[::-1]))[:CHUNK]
        self._reading = True

        def read() -> list[tuple[Cut, Picture]]:
            end = time.monotonic() + CHUNK_SECONDS
            found: list[tuple[Cut, Picture]] = []
            for cut in chunk:
                if volumes is not self._volumes:
                    break
                if cut not in self._seen and cut not in self._soon:
                    continue  # scrolled past
                picture = sections(volumes, cut)
                found.append((cut, Picture(picture, robust_limits(picture))))
                if time.monotonic() > end:
                    break
            return found

        def done(found: list[tuple[Cut, Picture]]) -> None:
            self._reading = False
            if volumes is self._volumes:
                self._keep(found)
                if any(cut in self._seen for cut, _ in found):
                    self.loaded.emit()
            self._read()

        def failed(error: Exception) -> None:
            self._reading = False
            self._failed(error)

        self._runner()(read, done, failed)

    def _keep(self, found: Sequence[tuple[Cut, Picture]]) -> None:
        """Keep these, and of the others what is looked at and what was last."""
        for cut, picture in found:
            self._bytes += picture.sections.nbytes
            self._kept[cut] = picture
        for cut in list(self._kept):
            if self._bytes <= KEPT_BYTES:
                break
            if cut not in self._seen:
                self._bytes -= self._kept.pop(cut).sections.nbytes
