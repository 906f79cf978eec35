"""The slice of the tomogram in the 3D scene: where it lies, and its own voxels over the coarser copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.coordinates import xyz_to_zyx, zyx_to_xyz
from napari_tomopick.geometry.planes import Plane
from napari_tomopick.layers.background import Background
from napari_tomopick.layers.display import Sampler
from napari_tomopick.layers.scene_layers import Picture, SceneSurface, Triangles, reporter
from napari_tomopick.layers.scene_shapes import box_edges, solid_arrow

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace

MOST_PIXELS = 4096
"""Along a side of the slice as it is drawn; of a larger slice every second voxel is drawn, and so on."""

ARROW_OF_TOMOGRAM = 0.12
"""Length of the white arrow, as a part of the tomogram's longest side."""

_ALONG = 1 - 1e-9


class Fine(NamedTuple):
    """A rectangle of a plane that holds all of it that lies in the tomogram.

    Parameters
    ----------
    plane : Plane
    width, height : int
        Pixels.
    spacing : float
        Voxels between them.
    aligned : bool
        Whether it lies across x, y or z.
    """

    plane: Plane
    width: int
    height: int
    spacing: float
    aligned: bool


class SceneSlice:
    """See the module.

    Where the slice lies is told by napari's own plane of the tomogram's layer, which Shift+drag moves.

    Parameters
    ----------
    workspace : Workspace

    Signals
    -------
    changed()
        It lies elsewhere, or is drawn otherwise.
    rested()
        It lies elsewhere, and is not on its way.
    """

    changed = Signal()
    rested = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._layer: Any = None
        self._background = Background(lambda: workspace.run)
        # whether it has moved on since what is being sampled was asked for
        self._late = self._putting = False
        self._values: tuple[Fine, NDArray[np.float32]] | None = None
        self.normal_shown = True
        self.spacing = 1.0
        self.fine = SceneSurface(
            workspace, "slice", blending="translucent_no_depth", closed=lambda: self._set_eye(False)
        )
        self.arrow = SceneSurface(workspace, "slice normal", closed=lambda: self.show_normal(False))
        display = workspace.display
        display.filtering_changed.connect(self._resample)
        display.grey_changed.connect(self._draw_fine)

    def _set_eye(self, on: bool) -> None:
        if self._layer is not None:
            self._layer.visible = on

    # where it lies

    @property
    def shown(self) -> bool:
        """Whether the tomogram is drawn as a slice in 3D."""
        image = self._workspace.image
        there = image.layer is not None and self._workspace.is_3d
        return there and image.depiction == "plane" and bool(image.layer.visible)  # type: ignore[union-attr]

    @property
    def position(self) -> NDArray[np.float64]:
        """x, y, z in voxels of the point about which the slice tilts."""
        layer = self._workspace.image.layer
        assert layer is not None
        return zyx_to_xyz(np.asarray(layer.plane.position) * layer.scale[0] + layer.translate)

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector, x, y, z."""
        layer = self._workspace.image.layer
        assert layer is not None
        normal = zyx_to_xyz(np.asarray(layer.plane.normal, float))
        return normal / np.linalg.norm(normal)

    def put(self, position: ArrayLike | None = None, normal: ArrayLike | None = None) -> None:
        """Put the slice elsewhere.

        Parameters
        ----------
        position : array-like, shape (3,), optional
            x, y, z in voxels; brought into the tomogram.
        normal : array-like, shape (3,), optional
            x, y, z, of any length.

        Raises
        ------
        ParameterError
            If a normal has no length, or something is not finite.
        """
        layer = self._workspace.image.layer
        if layer is None:
            return
        for name, value in (("position", position), ("normal", normal)):
            if value is not None and not np.isfinite(value).all():
                raise ParameterError(f"the {name} of a slice is x, y, z, got {np.asarray(value).tolist()}")
        if normal is not None and not np.any(normal):
            raise ParameterError("the normal of a slice must have a length, got 0, 0, 0")
        plane = layer.plane
        # one change, which napari hears of in two
        self._putting = True
        with plane.events.blocker_all():
            if normal is not None:
                plane.normal = tuple(xyz_to_zyx(np.asarray(normal, float)))
            if position is not None:
                last = np.array(self._shape, float) - 1
                at = np.clip(xyz_to_zyx(np.asarray(position, float)), 0, last)
                plane.position = tuple((at - layer.translate) / layer.scale[0])
        plane.events.normal()
        plane.events.position()
        self._putting = False
        self._on_moved()

    def move(self, voxels: float) -> None:
        """Move the slice along its normal."""
        if self.shown:
            self.put(self.position + voxels * self.normal)

    def lie_across(self, axis: str) -> None:
        """Let the slice lie across "x", "y" or "z", where it is."""
        # between two slices there is none
        self.put(np.round(self.position), np.eye(3)["xyz".index(axis)])

    def lie_through(self, position: ArrayLike) -> None:
        """Bring the slice to a position, x, y, z in voxels, without tilting it."""
        self.put(position)

    def face_eye(self) -> None:
        """Tilt the slice so that the eye looks straight at it."""
        direction = np.asarray(self._workspace.viewer.scene.camera.view_direction, float)
        self.put(normal=-zyx_to_xyz(direction))

    @property
    def angles(self) -> tuple[float, float]:
        """Tilt and rotation in degrees, as of `Plane.tilted`: 0 and 0 lies across z, 90 and 0 across y."""
        x, y, z = self.normal
        tilt = float(np.degrees(np.arccos(np.clip(z, -1, 1))))
        rotation = 0.0 if np.hypot(x, y) < 1e-9 else float(np.degrees(np.arctan2(x, -y)))
        return tilt, rotation

    def tilt(self, tilt_degrees: float, rotation_degrees: float) -> None:
        """Tilt the slice about its middle; see `angles`."""
        self.put(normal=Plane.tilted(self.position, tilt_degrees, rotation_degrees).normal)

    def show_normal(self, on: bool) -> None:
        """Draw the white arrow along the normal, or not."""
        self.normal_shown = on
        self._draw_arrow()
        self.changed.emit()

    # how it is drawn

    @property
    def _shape(self) -> tuple[int, ...]:
        loaded = self._workspace.image.loaded
        assert loaded is not None
        return tuple(loaded.data.shape)

    @property
    def coarser(self) -> str:
        """What there is to say about how finely the slice is drawn; "" if each of its voxels is."""
        if not self.shown or self.spacing == 1:
            return ""
        n = self.spacing
        return f"Of the slice 1 of {n:.0f} voxels is drawn along each side: no more than {MOST_PIXELS}."

    def redraw(self) -> None:
        """Draw the slice as it lies now."""
        self._follow(self._workspace.image.layer)
        self._on_moved()

    def _follow(self, layer: Any) -> None:
        if layer is self._layer:
            return
        self._layer = layer
        if layer is not None:
            layer.plane.events.position.connect(self._on_moved)
            layer.plane.events.normal.connect(self._on_moved)
            layer.events.visible.connect(self._on_moved)
            layer.events.depiction.connect(self._on_moved)

    def _on_moved(self) -> None:
        if self._putting:
            return
        self._draw_arrow()
        self._resample()
        self.changed.emit()

    def _draw_arrow(self) -> None:
        if not (self.shown and self.normal_shown):
            self.arrow.clear()
            return
        corners, faces = solid_arrow(self.position, self.normal, ARROW_OF_TOMOGRAM * max(self._shape))
        white = np.ones((len(corners), 4), np.float32)
        self.arrow.draw(Triangles(xyz_to_zyx(corners).astype(np.float32), faces, white))

    def _resample(self) -> None:
        """Sample the slice where it lies now; until that is done the coarser copy is seen."""
        if not self.shown:
            self._background.stop()
            self._values = None
            self.fine.clear()
            return
        where = rectangle(self.position, self.normal, self._shape)
        if where is None:
            self._background.stop()
            self.fine.clear()
            return
        layer, sampler = self._layer, self._workspace.display.sampler()
        if where.aligned:
            # as quick as a slice in 2D, and no coarser copy flickers through
            self._background.stop()
            self._late = False
            self._take(layer, where, sample(sampler, where))
            return
        if self._background.running:
            self._late = True
            self.fine.clear()
            return
        self._late = False
        self._background.start(
            "slice",
            lambda _: sample(sampler, where),
            lambda values: self._take(layer, where, values),
            reporter(self._workspace),
        )

    def _take(self, layer: Any, where: Fine, values: NDArray[np.float32]) -> None:
        if layer is not self._workspace.image.layer:
            return
        if self._late:
            # something that is still moving is seen where it was a moment ago
            self._resample()
            return
        self._values = where, values
        self.spacing = where.spacing
        self._draw_fine()
        self.rested.emit()

    def _draw_fine(self) -> None:
        if self._values is None or not self.shown:
            return
        where, values = self._values
        display = self._workspace.display
        self.fine.draw(Picture(xyz_to_zyx(corners_of(where)), grey(values, display.limits, display.inverted)))


def rectangle(
    position: NDArray[np.float64], normal: NDArray[np.float64], shape: tuple[int, ...]
) -> Fine | None:
    """What of a plane must be sampled to see all of a tomogram in it; None if it passes the tomogram by.

    Parameters
    ----------
    position, normal : array, shape (3,)
        x, y, z.
    shape : tuple of 3 int
        Of the tomogram, along z, y, x.
    """
    size = np.array(shape[::-1], float)
    axis = int(np.abs(normal).argmax())
    if abs(normal[axis]) > _ALONG:
        index = float(np.clip(np.round(position[axis]), 0, size[axis] - 1))
        plane = Plane.orthogonal("xyz"[axis], index)  # type: ignore[arg-type]
        width, height = (int(size[int(np.argmax(d))]) for d in (plane.u, plane.v))
        step = float(np.ceil(max(width, height) / MOST_PIXELS))
        return Fine(plane, int(np.ceil(width / step)), int(np.ceil(height / step)), step, True)
    tilt = np.degrees(np.arccos(np.clip(normal[2], -1, 1)))
    plane = Plane.tilted(position, tilt, np.degrees(np.arctan2(normal[0], -normal[1])))
    uv = _cuts(plane, size)
    if not len(uv):
        return None
    low, high = uv.min(axis=0), uv.max(axis=0)
    step = float(np.ceil((high - low).max() / MOST_PIXELS))
    width, height = (int(n) for n in np.ceil((high - low) / step) + 1)
    return Fine(plane.moved(*low), width, height, step, False)


def _cuts(plane: Plane, size: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a plane cuts the edges of a tomogram: ``(n, 2)`` u, v."""
    starts, ends = box_edges(np.full(3, -0.5), size - 0.5)
    before, after = (plane.coordinates(ends)[1] for ends in (starts, ends))
    cut = before * after <= 0
    cut &= before != after
    part = (before[cut] / (before[cut] - after[cut]))[:, None]
    return plane.coordinates(starts[cut] + part * (ends[cut] - starts[cut]))[0]


def corners_of(where: Fine) -> NDArray[np.float64]:
    """Its corners, ``(4, 3)`` x, y, z: left below, right below, left above, right above."""
    left, right = np.array([-0.5, where.width - 0.5]) * where.spacing
    below, above = np.array([-0.5, where.height - 0.5]) * where.spacing
    return where.plane.position([(left, below), (right, below), (left, above), (right, above)])


def sample(sampler: Sampler, where: Fine) -> NDArray[np.float32]:
    """The grey values there, ``(height, width)``, NaN outside the tomogram."""
    return sampler.section(where.plane, where.width, where.height, spacing=where.spacing)


def grey(values: NDArray[np.float32], limits: tuple[float, float], inverted: bool) -> NDArray[np.uint8]:
    """Grey values as a picture, ``(height, width, 4)``, clear where there is no value."""
    low, high = limits
    there = np.isfinite(values)
    scaled = np.clip((np.where(there, values, low) - low) * (255 / max(high - low, 1e-12)), 0, 255)
    shade = scaled.astype(np.uint8)
    picture = np.empty((*values.shape, 4), np.uint8)
    picture[..., :3] = (255 - shade if inverted else shade)[..., None]
    picture[..., 3] = 255 * there
    return picture
