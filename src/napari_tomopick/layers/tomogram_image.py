"""The shown tomogram: its file's own voxels in slices, a small binned copy of them in 3D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from napari.layers import Image

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.volumes import open_volume
from napari_tomopick.layers import compat
from napari_tomopick.models.tomogram import Tomogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from numpy.typing import NDArray

Depiction = Literal["plane", "volume"]

# napari uploads a 3D volume as one texture, and a 1024-cubed one aborts the process on common cards
MAX_3D_AXIS = 512
MAX_3D_VOXELS = 256**3


@dataclass(frozen=True, eq=False)
class LoadedTomogram:
    """A tomogram ready to be shown.

    Parameters
    ----------
    tomogram : Tomogram
    data : array-like, shape (nz, ny, nx)
        Memory-mapped where the format allows it.
    contrast_limits : tuple of 2 float
    """

    tomogram: Tomogram
    data: Any
    contrast_limits: tuple[float, float]


def load_tomogram(tomogram: Tomogram) -> LoadedTomogram:
    """Open a tomogram's file and read the few slices that tell its contrast. Slow on a network drive.

    Raises
    ------
    FileFormatError
        If the file is gone, is damaged, or no longer has the shape the project knows.
    """
    data = open_volume(
        tomogram.path, voxel_size_angstrom=tomogram.voxel_size_angstrom, override_header=True
    ).data
    if tuple(data.shape) != tuple(tomogram.shape):
        raise FileFormatError(
            f"{tomogram.path} has {tuple(data.shape)} voxels along z, y, x, but the project knows tomogram "
            f"'{tomogram.name}' with {tuple(tomogram.shape)}. Put the original file back, or import this one "
            "under another name."
        )
    return LoadedTomogram(tomogram, data, contrast_limits(data))


def contrast_limits(data: Any) -> tuple[float, float]:
    """The 0.5 and 99.5 percentiles of five slices about the middle, without NaN and infinite values."""
    middle = data.shape[0] // 2
    spread = max(1, data.shape[0] // 20)
    slices = sorted({int(np.clip(middle + k * spread, 0, data.shape[0] - 1)) for k in range(-2, 3)})
    values = np.concatenate([np.asarray(data[z, ::2, ::2], np.float32).ravel() for z in slices])
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values, (0.5, 99.5)))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def binning_for_3d(shape: tuple[int, ...]) -> int:
    """The smallest factor by which a volume must be binned to be safe to render."""
    factor = 1
    while True:
        binned = [-(-n // factor) for n in shape]
        if max(binned) <= MAX_3D_AXIS and np.prod(binned, dtype=np.int64) <= MAX_3D_VOXELS:
            return factor
        factor += 1


def binned_copy(data: Any, factor: int) -> NDArray[np.float32]:
    """A copy for the eye, ``ceil(n / factor)`` voxels along each axis; edge voxels fill the last blocks.

    At most two slices of each block are read, so a large file is not read whole just to be looked at.
    """
    nz, ny, nx = (-(-n // factor) for n in data.shape)
    out = np.empty((nz, ny, nx), np.float32)
    step = max(1, factor // 2)
    pad = ((0, ny * factor - data.shape[1]), (0, nx * factor - data.shape[2]))
    for z in range(nz):
        slab = np.asarray(data[z * factor : (z + 1) * factor : step], np.float32).mean(axis=0)
        blocks = np.pad(slab, pad, mode="edge").reshape(ny, factor, nx, factor)
        out[z] = blocks.mean(axis=(1, 3))
    return out


class TomogramImage:
    """One Image layer whose data is the file in 2D and the binned copy in 3D.

    A user who toggles its eye in 3D can therefore never send the whole file to the graphics card.

    Parameters
    ----------
    viewer : ViewerModel
    run : callable
        ``run(function, done)`` calls ``function`` off the GUI thread and ``done`` with its result.
    """

    def __init__(
        self, viewer: ViewerModel, run: Callable[[Callable[[], Any], Callable[[Any], None]], None]
    ) -> None:
        self._viewer = viewer
        self._run = run
        self.loaded: LoadedTomogram | None = None
        self.layer: Image | None = None
        self.depiction: Depiction = "plane"
        self._factor = 1
        self._small: NDArray[np.float32] | None = None
        # the slices to go back to from 3D, and what became of their position there
        self._order: tuple[int, ...] = (0, 1, 2)
        self._point = self._clipped = np.zeros(3)
        compat.hold_range(viewer, lambda: None if self.loaded is None else self.loaded.data.shape)
        compat.on_ndisplay(viewer, self._before_ndisplay, self._after_ndisplay)

    def show(self, loaded: LoadedTomogram) -> None:
        """Show a tomogram in place of the one shown so far, at its middle slices."""
        self.clear()
        self.loaded = loaded
        self._factor = binning_for_3d(loaded.data.shape)
        low, high = loaded.contrast_limits
        flat = compat.is_3d(self._viewer)
        self.layer = Image(
            self._stand_in() if flat else loaded.data,
            name=loaded.tomogram.name,
            contrast_limits=(low, high),
            colormap="gray",
            projection_mode="none",  # the slab of `compat.set_slab` is for points only
            depiction=self.depiction,
            # in most tomograms what is dense is dark
            rendering="mip" if loaded.tomogram.particles_are_dark is False else "minip",
            axis_labels=("z", "y", "x"),
        )
        self.layer.contrast_limits_range = (low - (high - low), high + (high - low))
        compat.protect(self.layer)
        self._viewer.layers.insert(0, self.layer)
        compat.unmirror(self._viewer)
        compat.go_to(self._viewer, [(n - 1) // 2 for n in loaded.data.shape])
        if flat:
            self._place(self._factor)
            self._show_small()
        self._viewer.fit_to_view()

    def set_depiction(self, depiction: Depiction) -> None:
        """Draw the tomogram in 3D as a slice ("plane") or as a volume."""
        self.depiction = depiction
        if self.layer is not None:
            self.layer.depiction = depiction

    def clear(self) -> None:
        """Take the tomogram off the screen and let its file go."""
        if self.layer is not None and self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)
        self.loaded = self.layer = self._small = None

    def _stand_in(self) -> NDArray[np.float32]:
        """What 3D shows until the binned copy is there: nothing, at the right size."""
        assert self.loaded is not None
        shape = [-(-n // self._factor) for n in self.loaded.data.shape]
        return np.broadcast_to(np.float32(self.loaded.contrast_limits[0]), shape)

    def _place(self, factor: int) -> None:
        """Put voxel i of the layer at ``factor i + (factor - 1) / 2`` voxels of the tomogram."""
        assert self.layer is not None
        self.layer.scale = (factor,) * 3
        self.layer.translate = ((factor - 1) / 2,) * 3

    def _before_ndisplay(self) -> None:
        point = np.array(self._viewer.dims.point)
        if not compat.is_3d(self._viewer):
            # napari takes the slice from the camera's centre; the slices are to be where they were left
            moved = not np.array_equal(point, self._clipped)
            self._point = np.round(point) if moved else self._point
            return
        # an odd permutation of the axes, as of the y plane, would mirror the scene
        self._order, self._point = tuple(self._viewer.dims.order), point
        if self.layer is not None:
            # bigger before smaller: napari clips the shown position to the extent of the layers
            self._place(self._factor)
            self.layer.data = self._stand_in() if self._small is None else self._small
            self.layer.plane.normal = tuple(np.eye(3)[self._order[0]])
            self.layer.plane.position = tuple((point + 0.5) / self._factor - 0.5)
        self._viewer.dims.order = (0, 1, 2)
        self._clipped = np.array(self._viewer.dims.point)

    def _after_ndisplay(self) -> None:
        if compat.is_3d(self._viewer):
            self._show_small()
            return
        if self.layer is not None and self.loaded is not None:
            self.layer.data = self.loaded.data
            self._place(1)
        self._viewer.dims.order = self._order
        self._viewer.dims.set_point(range(len(self._point)), self._point)

    def _show_small(self) -> None:
        """Fill in the binned copy, made in the background the first time it is wanted."""
        loaded = self.loaded
        if loaded is None or self._small is not None:
            return

        def done(small: NDArray[np.float32]) -> None:
            if self.loaded is loaded:
                self._small = small
                if compat.is_3d(self._viewer) and self.layer is not None:
                    self.layer.data = small

        self._run(lambda: binned_copy(loaded.data, self._factor), done)
