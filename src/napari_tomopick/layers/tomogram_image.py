"""The shown tomogram: its file's own voxels in slices, a small binned copy of them in 3D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from napari.layers import Image
from psygnal import Signal

from napari_tomopick.errors import Cancelled, FileFormatError
from napari_tomopick.io.volumes import open_volume
from napari_tomopick.layers import compat
from napari_tomopick.layers.display import CLIP_PERCENT, Display, Limits, percentile_limits
from napari_tomopick.models.tomogram import Tomogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from numpy.typing import NDArray

Depiction = Literal["plane", "volume", "none"]

GREY, INVERTED = "gray", "gray_r"

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
    contrast_limits: Limits


def load_tomogram(tomogram: Tomogram, stopped: Callable[[], bool] = lambda: False) -> LoadedTomogram:
    """Open a tomogram's file and read the few slices that tell its contrast. Slow on a network drive.

    Raises
    ------
    Cancelled
        As soon as it is ``stopped``, which is asked before each slice.
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
    return LoadedTomogram(tomogram, data, contrast_limits(data, stopped))


def contrast_limits(
    data: Any, stopped: Callable[[], bool] = lambda: False, *, clip_percent: float = CLIP_PERCENT
) -> Limits:
    """The percentiles of five slices about the middle that clip this share of the voxels at either end.

    Raises
    ------
    Cancelled
        As soon as it is ``stopped``, which is asked before each slice.
    """
    middle = data.shape[0] // 2
    spread = max(1, data.shape[0] // 20)
    slices = sorted({int(np.clip(middle + k * spread, 0, data.shape[0] - 1)) for k in range(-2, 3)})
    values = []
    for z in slices:
        if stopped():
            raise Cancelled("The tomogram is not opened.")
        values.append(np.asarray(data[z, ::2, ::2], np.float32).ravel())
    return percentile_limits(np.concatenate(values), clip_percent)


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
    """One Image layer whose data is the file in 2D, filtered slice by slice, and the binned copy in 3D.

    A user who toggles its eye in 3D can therefore never send the whole file to the graphics card.

    Parameters
    ----------
    viewer : ViewerModel
    run : callable
        ``run(function, done)`` calls ``function`` off the GUI thread and ``done`` with its result.
    display : Display
        How slices are shown.

    Signals
    -------
    depiction_changed()
        A user had it drawn otherwise in 3D, in napari's list of layers.
    """

    depiction_changed = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        run: Callable[[Callable[[], Any], Callable[[Any], None]], None],
        display: Display,
    ) -> None:
        self._viewer = viewer
        self._run = run
        self._display = display
        self._setting_contrast = False
        self.loaded: LoadedTomogram | None = None
        self.layer: Image | None = None
        self.depiction: Depiction = "plane"
        self._depicting = self._hidden_by_depiction = False
        self._factor = 1
        self._small: NDArray[np.float32] | None = None
        # the slices to go back to from 3D, and what became of their position there
        self._order: tuple[int, ...] = (0, 1, 2)
        self._point = self._clipped = np.zeros(3)
        compat.hold_range(viewer, lambda: None if self.loaded is None else self.loaded.data.shape)
        compat.on_ndisplay(viewer, self._before_ndisplay, self._after_ndisplay)
        display.shown_slice = self._shown_slice
        display.filtering_changed.connect(self._on_filtering)
        display.grey_changed.connect(self._show_contrast)

    def show(self, loaded: LoadedTomogram) -> None:
        """Show a tomogram in place of the one shown so far, at its middle slices."""
        self.clear()
        self.loaded = loaded
        self._factor = binning_for_3d(loaded.data.shape)
        self._display.show(
            loaded.data,
            loaded.tomogram.voxel_size_angstrom,
            lambda clip: contrast_limits(loaded.data, clip_percent=clip),
            loaded.contrast_limits,
        )
        flat = compat.is_3d(self._viewer)
        self.layer = Image(
            self._stand_in() if flat else self._display.slices,
            name=loaded.tomogram.name,
            contrast_limits=self._display.file_limits if flat else self._display.limits,
            colormap=INVERTED if self._display.inverted else GREY,
            projection_mode="none",  # the slab of `compat.set_slab` is for points only
            # in most tomograms what is dense is dark
            rendering="mip" if loaded.tomogram.particles_are_dark is False else "minip",
            axis_labels=("z", "y", "x"),
        )
        self._show_contrast()
        self.layer.events.contrast_limits.connect(self._on_layer_contrast)
        self.layer.events.colormap.connect(self._on_layer_colormap)
        self.layer.events.visible.connect(self._on_layer_visible)
        compat.protect(self.layer)
        self._depict()
        self._viewer.layers.insert(0, self.layer)
        compat.unmirror(self._viewer)
        compat.go_to(self._viewer, [(n - 1) // 2 for n in loaded.data.shape])
        if flat:
            self._place(self._factor)
            self._show_small()
        self._viewer.fit_to_view()

    def set_depiction(self, depiction: Depiction) -> None:
        """Draw the tomogram in 3D as a slice ("plane"), as a volume, or not at all ("none")."""
        self.depiction = depiction
        self._depict()

    def _depict(self) -> None:
        if self.layer is None:
            return
        if self.depiction != "none":
            self.layer.depiction = self.depiction
        # a volume has its depth wherever the ray met the darkest voxel, before and behind what else is drawn
        volume = self.depiction == "volume" and compat.is_3d(self._viewer)
        self.layer.blending = "translucent_no_depth" if volume else "translucent"
        self._depicting = True
        try:
            if self.depiction == "none":
                self.layer.visible = not compat.is_3d(self._viewer)
            elif self._hidden_by_depiction:
                self.layer.visible = True
            self._hidden_by_depiction = self.depiction == "none"
        finally:
            self._depicting = False

    def _on_layer_visible(self) -> None:
        """Take it as meant here when a user opens the eye of what is not drawn."""
        if not self._depicting and self.depiction == "none" and self.layer is not None and self.layer.visible:
            self.set_depiction("plane")
            self.depiction_changed.emit()

    def clear(self) -> None:
        """Take the tomogram off the screen and let its file go."""
        if self.layer is not None and self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)
        loaded, self.loaded, self.layer, self._small = self.loaded, None, None, None
        if loaded is not None:
            self._display.clear()

    def _shown_slice(self) -> tuple[int, int]:
        """The (axis, number) of the slice on the screen; the middle one where there is none."""
        assert self.loaded is not None
        shape = self.loaded.data.shape
        if compat.is_3d(self._viewer):
            return 0, (shape[0] - 1) // 2
        axis = compat.sliced_axis(self._viewer)
        return axis, int(np.clip(compat.slice_index(self._viewer), 0, shape[axis] - 1))

    def _on_filtering(self) -> None:
        if self.layer is not None and not compat.is_3d(self._viewer):
            self.layer.data = self._display.slices

    def _show_contrast(self) -> None:
        """Draw with the contrast of the display, unless it is the layer's own already."""
        if self.layer is None or self._setting_contrast:
            return
        flat = compat.is_3d(self._viewer)
        low, high = self._display.file_limits if flat else self._display.limits
        self._setting_contrast = True
        try:
            # the sliders reach as far again on either side
            self.layer.contrast_limits_range = (low - (high - low), high + (high - low))
            self.layer.contrast_limits = (low, high)
            if (self.layer.colormap.name == INVERTED) != self._display.inverted:
                self.layer.colormap = INVERTED if self._display.inverted else GREY
        finally:
            self._setting_contrast = False

    def _on_layer_contrast(self) -> None:
        """Take what a user does to napari's own contrast sliders as meant for the display."""
        if self.layer is None or self._setting_contrast:
            return
        self._setting_contrast = True
        try:
            flat = compat.is_3d(self._viewer)
            (self._display.set_file_limits if flat else self._display.set_limits)(*self.layer.contrast_limits)
        finally:
            self._setting_contrast = False

    def _on_layer_colormap(self) -> None:
        if self.layer is not None and not self._setting_contrast:
            self._display.set_inverted(self.layer.colormap.name == INVERTED)

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
            self._show_contrast()
            self.layer.plane.normal = tuple(np.eye(3)[self._order[0]])
            self.layer.plane.position = tuple((point + 0.5) / self._factor - 0.5)
        self._viewer.dims.order = (0, 1, 2)
        self._clipped = np.array(self._viewer.dims.point)

    def _after_ndisplay(self) -> None:
        self._depict()
        if compat.is_3d(self._viewer):
            self._show_small()
            return
        if self.layer is not None and self.loaded is not None:
            self.layer.data = self._display.slices
            self._place(1)
            self._show_contrast()
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
