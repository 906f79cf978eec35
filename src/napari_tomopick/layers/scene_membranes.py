"""The membranes of the shown tomogram as transparent surfaces in the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from napari_tomopick.geometry.coordinates import xyz_to_zyx
from napari_tomopick.geometry.meshes import Mesh
from napari_tomopick.layers.background import Background
from napari_tomopick.layers.membranes import membranes_among, meshes_of
from napari_tomopick.layers.scene_layers import SceneSurface, Triangles, reporter
from napari_tomopick.layers.scene_light import lit

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace
    from napari_tomopick.models.user_points import Model

OPACITY, BEHIND = 0.45, 0.12
"""Of a membrane, and of what of it lies behind the slice."""


class SceneMembranes:
    """See the module.

    Meshes are made in the background, and only of models that have changed.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.shown = False
        # nothing that lies behind a membrane is hidden by it
        self.surface = SceneSurface(
            workspace, "membranes", blending="translucent_no_depth", closed=lambda: self.show(False)
        )
        self._background = Background(lambda: workspace.run)
        self._late = False
        self._drawn: Triangles | None = None
        # which of its corners lie on the near side of the slice
        self._front: NDArray[np.bool_] | None = None
        # of each model, by its uid: the model as it was meshed, the mesh, and why there is none
        self._known: dict[str, tuple[Model, Mesh | None, str]] = {}

    def show(self, on: bool) -> None:
        """Draw the membranes, or not."""
        self.shown = on
        self._workspace.scene.redraw_membranes()

    @property
    def models(self) -> tuple[Model, ...]:
        """The models that are membranes, and are drawn."""
        return membranes_among(self._workspace.picking.visible_models)

    @property
    def lacking(self) -> str:
        """Why some membranes are not drawn."""
        return " ".join(self._known[m.uid][2] for m in self.models if m.uid in self._known).strip()

    @property
    def busy(self) -> bool:
        """Whether meshes are being made."""
        return self._background.running

    def draw(self) -> None:
        """Draw the membranes as they are now, those that are being meshed as they were before."""
        if not (self.shown and self._workspace.is_3d):
            self.surface.clear()
            return
        models = self.models
        self._known = {m.uid: self._known[m.uid] for m in models if m.uid in self._known}
        self._draw(models)
        changed = [m for m in models if m.uid not in self._known or self._known[m.uid][0] is not m]
        if not changed:
            return
        if self._background.running:
            self._late = True
            return
        self._late = False
        self._background.start(
            "membranes", lambda _: [_meshed(m) for m in changed], self._take, reporter(self._workspace)
        )

    def _take(self, found: list[tuple[Model, Mesh | None, str]]) -> None:
        self._known |= {model.uid: (model, mesh, lacking) for model, mesh, lacking in found}
        self._workspace.scene.redraw_membranes()

    def _draw(self, models: tuple[Model, ...]) -> None:
        meshes = [(self._known[m.uid][1], m.colour) for m in models if m.uid in self._known]
        self._drawn = membranes([(mesh, colour) for mesh, colour in meshes if mesh is not None])
        self.surface.draw(self._drawn)
        self._front = None
        self.shade()

    def shade(self) -> None:
        """Let what lies behind the slice be fainter, as it would be hidden by it."""
        if self._drawn is None or self.surface.empty:
            return
        slice_, corners = self._workspace.scene.slice, self._drawn.corners
        front = np.ones(len(corners), bool)
        if slice_.shown:
            view = np.asarray(self._workspace.viewer.scene.camera.view_direction, float)
            normal = xyz_to_zyx(slice_.normal)
            above = (corners - xyz_to_zyx(slice_.position)) @ normal
            front = above * -np.sign(normal @ view) >= 0
        if self._front is None or not np.array_equal(front, self._front):
            self._front = front
            colours = self._drawn.colours.copy()
            colours[:, 3] = np.where(front, OPACITY, BEHIND)
            self.surface.recolour(colours)


def _meshed(model: Model) -> tuple[Model, Mesh | None, str]:
    found, lacking = meshes_of([model])
    return model, found[0][1] if found else None, " ".join(lacking)


def membranes(meshes: list[tuple[Mesh, str]]) -> Triangles | None:
    """Meshes, each in its colour, transparent; None of none."""
    if not meshes:
        return None
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh, _ in meshes)])
    return Triangles(
        xyz_to_zyx(np.concatenate([mesh.vertices for mesh, _ in meshes])).astype(np.float32),
        np.concatenate([mesh.faces + start for (mesh, _), start in zip(meshes, starts, strict=False)]).astype(
            np.int32
        ),
        np.concatenate([_coloured(mesh, colour) for mesh, colour in meshes]),
    )


def _coloured(mesh: Mesh, colour: str) -> NDArray[np.float32]:
    rgba = lit(np.repeat(transform_color(colour), len(mesh.vertices), axis=0), mesh.normals())
    rgba[:, 3] = OPACITY
    return rgba
