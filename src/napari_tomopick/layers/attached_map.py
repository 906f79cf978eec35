"""A map, such as an average, shown as a surface at every particle's pose."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.coordinates import binning_ratio, xyz_to_zyx
from napari_tomopick.layers.background import Background
from napari_tomopick.layers.map_surface import Map, Shape, level_of, load_map, shape_of
from napari_tomopick.layers.scene_layers import SceneSurface, Triangles, reporter
from napari_tomopick.layers.scene_light import lit
from napari_tomopick.layers.scene_particles import Drawn

if TYPE_CHECKING:
    from pathlib import Path

    from napari_tomopick.layers.workspace import Workspace
    from napari_tomopick.project import Result

MOST_TRIANGLES = 300_000
"""Of all surfaces together: what still follows an edit at once and turns with the mouse."""

MOST_OF_ONE, FEWEST_OF_ONE = 20_000, 300
"""Triangles at a particle: more show no more, and with fewer nothing is to be made out."""

KINDS = ("average", "initial model")
"""Results of a project that are maps."""

EVERY_SET = ""
"""In place of the uid of a set: at the particles of all sets that are drawn."""


class AttachedMap:
    """See the module.

    Parameters
    ----------
    workspace : Workspace

    Signals
    -------
    changed()
        Another map, level or set, or something is being computed, or no longer is.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._background = Background(lambda: workspace.run)
        self._background.changed.connect(self.changed.emit)
        self.map: Map | None = None
        self.level = 0.0
        self.set_uid = EVERY_SET
        self._shape: Shape | None = None
        # what the shape was made for, and what is wanted meanwhile
        self._made: tuple[Any, ...] | None = None
        self._late = False
        self.left_out = ""
        # what was drawn last
        self._drawn: Drawn | None = None
        self._seen: Shape | None = None
        self.surface = SceneSurface(workspace, "attached map", closed=self.detach)

    # what a user does

    @property
    def offered(self) -> list[Result]:
        """The maps among the results of the project, the latest first."""
        session = self._workspace.session
        found = () if session is None else session.results()
        return [result for result in reversed(found) if result.kind in KINDS and result.path.exists()]

    def attach(self, path: str | os.PathLike[str], *, dark: bool | None = None) -> None:
        """Show a map at the particles, in place of the one shown before, if it can be read.

        Parameters
        ----------
        path : path-like
            Any volume that can be read as a tomogram.
        dark : bool, optional
            Whether the particle is dark in it. Default: found from its grey values.
        """

        def done(found: Map) -> None:
            self.map, self.level, self._shape, self._made = found, found.level, None, None
            self._workspace.show_3d(True)
            self._workspace.scene.redraw_map()

        self._background.start(
            "reading the map", lambda _: load_map(path, dark), done, reporter(self._workspace)
        )

    def attach_latest(self) -> None:
        """Show the latest average or initial model of the project.

        Raises
        ------
        ParameterError
            If there is none.
        """
        if not self.offered:
            raise ParameterError("There is no average or initial model in this project yet: choose a file.")
        self.attach(self.offered[0].path)

    def detach(self) -> None:
        """Show no map any more."""
        self._background.stop()
        self.map = self._shape = self._made = self._drawn = self._seen = None
        self.left_out = ""
        self.surface.clear()
        self.changed.emit()

    def set_level(self, level: float) -> None:
        """Draw the surface at another level, of the particle being bright.

        Raises
        ------
        ParameterError
            If the map has no voxels on one side of it.
        """
        if self.map is None or level == self.level:
            return
        if not (self.map.values.min() < level < self.map.values.max()):
            raise ParameterError(
                f"the map '{self.map.name}' has no surface at {level:.4g}: its values go from "
                f"{self.map.values.min():.4g} to {self.map.values.max():.4g}"
            )
        self.level = float(level)
        self._workspace.scene.redraw_map()

    def set_dark(self, dark: bool) -> None:
        """Take the dark or the bright side of the map for the particle."""
        map_ = self.map
        if map_ is not None and dark != map_.dark:
            values = -map_.values
            self.map = replace(map_, values=values, dark=dark, level=level_of(values))
            self.level = self.map.level
            self._workspace.scene.redraw_map()

    def set_level_automatically(self) -> None:
        """Go back to the level that parts the particle from what is around it."""
        if self.map is not None:
            self.set_level(self.map.level)

    def show_at(self, uid: str) -> None:
        """Show the map at the particles of one set, or of `EVERY_SET`."""
        self.set_uid = uid
        self._workspace.scene.redraw_map()

    # what is shown

    @property
    def busy(self) -> str:
        """What is under way; "" if nothing is."""
        return self._background.title

    @property
    def scale(self) -> float:
        """Voxels of the tomogram to one of the map."""
        tomogram = self._workspace.tomogram
        if self.map is None or self.map.voxel_size_angstrom is None or tomogram is None:
            return 1.0
        return 1 / binning_ratio(tomogram.voxel_size_angstrom, self.map.voxel_size_angstrom)

    @property
    def words(self) -> str:
        """What there is to say about what is shown."""
        if self.map is None:
            return ""
        lines = [self.map.words(self.level)]
        if self.map.voxel_size_angstrom is None:
            lines.append("Its voxels are taken to be those of the tomogram: the file does not say.")
        if self._drawn is not None and not len(self._drawn):
            lines.append("No particles are shown that it could be drawn at.")
        if self.left_out:
            lines.append(self.left_out)
        elif self._shape is not None and self._drawn is not None:
            lines.append(f"{len(self._shape.faces):,} triangles at each of {len(self._drawn):,} particles.")
        return "\n".join(lines)

    def draw(self) -> None:
        """Draw the map at the particles that are drawn now."""
        work = self._workspace
        if self.map is None or not work.is_3d or work.tomogram is None:
            self.surface.clear()
            self._drawn = self._seen = None
            return
        before, drawn = self._drawn, Drawn.of(work, None if self.set_uid == EVERY_SET else {self.set_uid})
        self._drawn = drawn
        # as many triangles each as the budget has for so many; in steps, so that few edits change the shape
        each = MOST_OF_ONE
        while each > FEWEST_OF_ONE and each * len(drawn) > MOST_TRIANGLES:
            each //= 2
        wanted = (self.map, self.level, max(each, FEWEST_OF_ONE))
        if self._made != wanted:
            self._make(*wanted)
        if self._shape is not None and not (self._shape is self._seen and drawn.same_as(before)):
            self._draw(drawn, self._shape)
        self.changed.emit()

    def _make(self, map_: Map, level: float, most: int) -> None:
        if self._background.running:
            self._late = True
            return
        self._late = False

        def done(shape: Shape) -> None:
            if self.map is map_:
                self._shape, self._made = shape, (map_, level, most)
                self._workspace.scene.redraw_map()

        def failed(error: Exception) -> None:
            # it would fail again
            self._made = (map_, level, most)
            reporter(self._workspace)(error)

        self._background.start("surface of the map", lambda _: shape_of(map_, level, most), done, failed)

    def _draw(self, drawn: Drawn, shape: Shape) -> None:
        rows = drawn.nearest(MOST_TRIANGLES // max(len(shape.faces), 1))
        self.left_out = ""
        if len(rows) < len(drawn):
            self.left_out = drawn.told_of(len(rows), "particles")
        self._seen = shape
        self.surface.draw(
            instances(shape, self.scale, drawn.positions[rows], drawn.turns(rows), drawn.seen[rows])
        )


def instances(
    shape: Shape,
    scale: float,
    positions: NDArray[np.float64],
    rotations: Rotation,
    colours: NDArray[np.float32],
) -> Triangles | None:
    """A shape at each of n poses.

    Parameters
    ----------
    shape : Shape
    scale : float
        Voxels of the tomogram to one of the map.
    positions : array, shape (n, 3)
        x, y, z in voxels of the tomogram of where the map's centre voxel is.
    rotations : Rotation, n of them
    colours : array, shape (n, 4)

    Returns
    -------
    Triangles or None
        None if there are no particles, or no triangles.
    """
    n, corners = len(positions), len(shape.corners)
    if not n or not len(shape.faces):
        return None
    matrices = rotations.as_matrix().astype(np.float32)
    placed = np.einsum("nij,kj->nki", matrices, (shape.corners * scale).astype(np.float32))
    placed += positions[:, None].astype(np.float32)
    normals = np.einsum("nij,kj->nki", matrices, shape.normals.astype(np.float32)).reshape(-1, 3)
    faces = shape.faces + (corners * np.arange(n, dtype=np.int32))[:, None, None]
    return Triangles(
        xyz_to_zyx(placed.reshape(-1, 3)).astype(np.float32),
        faces.reshape(-1, 3),
        lit(np.repeat(colours, corners, axis=0), normals),
    )


def name_of(result: Result) -> str:
    """What a result is called in a list."""
    path: Path = result.path
    return f"{result.kind}: {path.name}"
