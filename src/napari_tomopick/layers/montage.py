"""The montage of the shown tomogram: slices side by side in one picture, one of which is active."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal, SignalInstance

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.mosaic import Mosaic, Region, full_scene, layout, whole_slice
from napari_tomopick.geometry.planes import Axis
from napari_tomopick.layers import compat
from napari_tomopick.layers.montage_page import MontagePage
from napari_tomopick.layers.montage_reuse import Drawn
from napari_tomopick.layers.montage_scene import MontageScene
from napari_tomopick.layers.plane_scene import Scenery
from napari_tomopick.layers.viewport import Viewport

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from napari_tomopick.layers.tomogram_image import LoadedTomogram
    from napari_tomopick.layers.workspace import Workspace

# of the picture as it is on the screen when all of it is seen, so that slices are told apart
GAP_PART = 0.02
# more pixels than this on a page are shown coarser
MAX_PIXELS = 32 * 2**20
NO_TOMOGRAM = "Open a tomogram first: a montage is made of its slices."


class Montage:
    """Which slices are side by side, what they look like, and which of them is active.

    A view of the workspace's tomogram and nothing else: models are the session's, contrast and low-pass the
    display's. It follows them from `connect` to `disconnect`.

    Parameters
    ----------
    workspace : Workspace

    Signals
    -------
    mosaic_changed()
        Other slices are shown, or they lie elsewhere.
    picture_changed()
        The picture is another: a page was read, contrast was changed.
    active_changed()
        Another slice is active.
    models_changed()
        What is drawn over the slices is another.
    linked_changed()
        The slice viewer goes along now, or no more.
    """

    mosaic_changed = Signal()
    picture_changed = Signal()
    active_changed = Signal()
    models_changed = Signal()
    linked_changed = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.mosaic: Mosaic | None = None
        self.active: int | None = None
        # width by height of where it is shown
        self.aspect = 1.5
        # None: that of the slice viewer
        self.own_thickness: int | None = None
        self._linked = False
        self._page = MontagePage(
            workspace.display, lambda *args: workspace.run(*args), lambda error: self._failed(error)
        )
        # what the settings are for
        self._loaded: Callable[[], LoadedTomogram | None] = _nothing
        self._scene: MontageScene | None = None
        # of it, an edit leaves most as it was
        self._before: MontageScene | None = None
        # the model that got the last point, and how many it had
        self._counted = ("", 0)
        self._slots: list[tuple[SignalInstance, Callable[..., Any]]] = [
            (workspace.tomogram_changed, self._on_tomogram),
            (workspace.display.filtering_changed, self._on_filtering),
            (workspace.display.grey_changed, self._page.repaint),
            (workspace.picking.models_changed, self._on_models),
            (workspace.picking.shown_changed, self._on_models),
            (workspace.picking.selection_changed, self._on_models),
            (workspace.review.sets_changed, self._on_models),
            (workspace.review.look_changed, self._on_models),
            (workspace.review.selection.changed, self._on_models),
            (workspace.review.filters.changed, self._on_models),
            (self._page.changed, self.picture_changed.emit),
        ]

    def connect(self) -> None:
        """Follow the workspace, from what it shows now on."""
        for signal, slot in self._slots:
            signal.connect(slot)
        self.workspace.viewer.dims.events.point.connect(self._on_main_slice)
        self._on_tomogram()

    def disconnect(self) -> None:
        """Follow the workspace no more, and keep none of its pictures; settings stay for the next time."""
        for signal, slot in self._slots:
            signal.disconnect(slot, missing_ok=True)
        self.workspace.viewer.dims.events.point.disconnect(self._on_main_slice)
        self._page.clear()
        self._scene = self._before = None

    # which slices

    def show_full_scene(self, axis: Axis | None = None) -> None:
        """Show the whole tomogram on one page.

        Parameters
        ----------
        axis : "x", "y" or "z", optional
            Across which the slices lie; by default as in the slice viewer.

        Raises
        ------
        ParameterError
            If no tomogram is shown.
        """
        shape = self._shape()
        axis = self._main_axis() if axis is None else axis
        region = whole_slice(shape, axis)
        self._set(full_scene(shape, axis, aspect=self.aspect, gap=_gap(region)))

    def show_view(self) -> None:
        """Show of each slice what the slice viewer shows of its own, on the plane it shows.

        Which slices they are stays, unless they were across another axis.

        Raises
        ------
        ParameterError
            If no tomogram is shown, or nothing of it is in sight.
        """
        shape, axis = self._shape(), self._main_axis()
        region = self._region_in_view().within(whole_slice(shape, axis))
        mosaic, gap = self.mosaic, _gap(region)
        if mosaic is None or mosaic.axis != axis:
            self._set(full_scene(shape, axis, region, aspect=self.aspect, gap=gap))
            return
        rows, columns = layout(min(mosaic.per_page, len(mosaic.slices)), region, self.aspect)
        self._set(replace(mosaic, region=region, gap=gap, rows=rows, columns=columns, page=0))

    def set(self, **fields: int) -> None:
        """Change first, last, step, rows or columns; the page with the active slice is shown.

        Raises
        ------
        ParameterError
            If no tomogram is shown, or there is no such montage of it.
        """
        mosaic = self._ready()
        wanted = replace(mosaic, **fields, page=0)
        n = self.slice_count
        if wanted.last >= n:
            raise ParameterError(f"the tomogram has {n} slices across {mosaic.axis}: the last is {n - 1}")
        self._set(wanted)

    @property
    def slice_count(self) -> int:
        """How many slices the tomogram has across the montage's axis; 0 without a montage."""
        mosaic = self.mosaic
        return 0 if mosaic is None else int(self._shape()["zyx".index(mosaic.axis)])

    @property
    def thickness(self) -> int:
        """Slices over which the mean is shown: as in the slice viewer, unless set otherwise."""
        return self.workspace.display.thickness if self.own_thickness is None else self.own_thickness

    def set_thickness(self, slices: int | None) -> None:
        """Show the mean over this many slices; None follows the slice viewer.

        Raises
        ------
        ParameterError
            If it is below 1.
        """
        if slices is not None and slices < 1:
            raise ParameterError(f"a slab has at least 1 slice, got {slices}")
        before, self.own_thickness = self.thickness, slices
        if self.thickness != before:
            self._read()
            self.mosaic_changed.emit()

    def turn(self, pages: int) -> None:
        """Go on by so many pages, or back; the active slice stays."""
        mosaic = self._ready()
        self._show(mosaic.turned_to(mosaic.page + pages))

    # the active slice

    def activate(self, number: int) -> None:
        """Let a slice be the active one, and show the page it is on.

        Raises
        ------
        ParameterError
            If it is not in the montage.
        """
        mosaic = self._ready()
        page = mosaic.page_of(number)
        if number != self.active:
            self.active = number
            self.active_changed.emit()
            self._take_main_along()
        self._show(mosaic.turned_to(page))

    def step(self, slices: int) -> None:
        """Let the slice that stands so many further be the active one, or back where negative."""
        mosaic = self._ready()
        which = mosaic.slices.index(mosaic.nearest(self.active or 0)) + slices
        self.activate(mosaic.slices[min(max(which, 0), len(mosaic.slices) - 1)])

    @property
    def linked(self) -> bool:
        """Whether the slice viewer and the active slice go together."""
        return self._linked

    def set_linked(self, on: bool) -> None:
        """Let the slice viewer show the active slice from now on, and the other way round, or not."""
        self._linked = on
        self.linked_changed.emit()
        self._take_main_along()

    def track(self) -> None:
        """Follow the membrane into the active slice; from one that is traced, into the next.

        Raises
        ------
        ParameterError
            If there is no next one.
        ModelError
            If the active model cannot be tracked.
        """
        mosaic, model = self._ready(), self.workspace.picking.active
        axis, before = "xyz".index(mosaic.axis), self.active
        if model is not None and before is not None and model.level_axis() == axis and before in model.levels:
            self.step(1)
            if self.active == before:
                raise ParameterError("The montage ends here: let it go to a later slice to track on.")
        self.workspace.tracking.one(self.active)

    def track_on(self) -> None:
        """Follow the membrane from the active slice on until it is lost; errors as of `track`."""
        self.workspace.tracking.on(self._ready().step)

    def go_to(self, position: ArrayLike) -> None:
        """Show a position in the slice viewer, in the plane of the montage."""
        mosaic, viewer = self._ready(), self.workspace.viewer
        zyx = np.asarray(position, float)[::-1]
        if self._main_axis() != mosaic.axis and not self.workspace.is_3d:
            compat.show_plane(viewer, mosaic.axis, zyx)
        compat.go_to(viewer, zyx)

    # what they look like

    @property
    def picture(self) -> NDArray[np.uint8] | None:
        """The shown page, row 0 the lowest; each pixel is ``mosaic.spacing`` voxels wide and high.

        What is not read yet is dark.
        """
        return self._page.picture

    @property
    def missing(self) -> int:
        """How many slices of the shown page have not been read yet."""
        return self._page.missing

    # what is drawn over them

    @property
    def scene(self) -> MontageScene:
        """Points, curves and markers over the slices of the shown page, and which of them is where."""
        if self._scene is None:
            self._scene = self._new_scene()
        return self._scene

    def _new_scene(self) -> MontageScene:
        mosaic, picking, review = self.mosaic, self.workspace.picking, self.workspace.review
        if mosaic is None:
            return MontageScene()
        models = tuple(picking.drawn_models) if picking.shown else ()
        sets = review.drawn
        if not review.view.points.visible:
            sets = {}
        uid = "" if picking.active is None else picking.active.uid
        active = next((m for m in models if m.uid == uid), None)
        selected, look = picking.view.selected, review.look
        chosen = {one: review.selection.ids(one) for one in review.selection.uids}
        scenery = Scenery(models, uid, sets, look, selected, chosen)
        bright = tuple((one, ids.tobytes()) for one, ids in chosen.items())
        drawn = Drawn(models, (uid, tuple(sets.items()), look, tuple(selected), bright))
        found = self._before = MontageScene.of(mosaic, scenery, drawn, active, self._before)
        return found

    def _on_models(self) -> None:
        self._scene = None
        self._follow_hand()
        self.models_changed.emit()

    def _follow_hand(self) -> None:
        """Let the slice in which a point was added become the active one, if it is on the shown page."""
        model, mosaic = self.workspace.picking.active, self.mosaic
        before, self._counted = self._counted, ("", 0) if model is None else (model.uid, len(model))
        if model is None or mosaic is None or before[0] != model.uid or len(model) <= before[1]:
            return
        number = int(np.floor(model.points[-1, "xyz".index(mosaic.axis)] + 0.5))
        if number in mosaic.shown:
            self.activate(number)

    def _read(self) -> None:
        if self.mosaic is not None:
            self._page.show(self.mosaic, self.thickness)

    # following

    def _on_tomogram(self) -> None:
        loaded = self.workspace.image.loaded
        same = loaded is not None and self._loaded() is loaded
        if same and self.picture is not None:
            return  # it only goes by another name
        self._page.clear()
        self._scene = self._before = None
        if same:
            self._read()
            self.mosaic_changed.emit()
            return
        self.mosaic = self.active = None
        if loaded is None or self.workspace.tomogram is None:
            self._loaded = _nothing
            self.mosaic_changed.emit()
            self.active_changed.emit()
        else:
            self._loaded = weakref.ref(loaded)
            self.show_full_scene()

    def _on_filtering(self) -> None:
        # it is told too when the tomogram goes
        if self.workspace.display.slices is not None and self.mosaic is not None:
            self._read()
            self.mosaic_changed.emit()

    def _on_main_slice(self) -> None:
        mosaic = self.mosaic
        if self._linked and mosaic is not None and self._main_axis() == mosaic.axis:
            number = mosaic.nearest(compat.slice_index(self.workspace.viewer))
            if number != self.active:
                self.active = number
                self.active_changed.emit()
                self._show(mosaic.turned_to(mosaic.page_of(number)))

    def _take_main_along(self) -> None:
        mosaic, viewer = self.mosaic, self.workspace.viewer
        if self._linked and mosaic is not None and self.active is not None:
            if self._main_axis() == mosaic.axis and compat.slice_index(viewer) != self.active:
                viewer.dims.set_point(compat.sliced_axis(viewer), self.active)

    # in short

    def _set(self, mosaic: Mosaic) -> None:
        """Show another montage: the page of it that has the slice nearest to the active one."""
        before = self.active
        if before is None or self.mosaic is None or self.mosaic.axis != mosaic.axis:
            before = compat.slice_index(self.workspace.viewer)
        active = mosaic.nearest(before)
        changed, self.active = active != self.active, active
        pixels = mosaic.per_page * mosaic.region.width * mosaic.region.height
        spacing = int(np.ceil(np.sqrt(pixels / MAX_PIXELS)))
        self._show(replace(mosaic, spacing=spacing).turned_to(mosaic.page_of(active)))
        if changed:
            self.active_changed.emit()

    def _show(self, mosaic: Mosaic) -> None:
        if mosaic != self.mosaic:
            self.mosaic, self._scene = mosaic, None
            self._read()
            self.mosaic_changed.emit()

    def _ready(self) -> Mosaic:
        if self.mosaic is None:
            raise ParameterError(NO_TOMOGRAM)
        return self.mosaic

    def _shape(self) -> tuple[int, ...]:
        if self.workspace.tomogram is None:
            raise ParameterError(NO_TOMOGRAM)
        return self.workspace.tomogram.shape

    def _main_axis(self) -> Axis:
        axis: Axis = ("z", "y", "x")[compat.sliced_axis(self.workspace.viewer)]  # type: ignore[assignment]
        return axis

    def _region_in_view(self) -> Region:
        """The voxels of its slice of which more than half is seen in the slice viewer."""
        viewer = self.workspace.viewer
        if self.workspace.is_3d:
            raise ParameterError("Show a slice in the viewer first: the montage takes what is seen of it.")
        height, width = viewer.canvas.size
        up, right = viewer.scene.camera.center[-2:]
        seen = Viewport(width, height, right, up, viewer.scene.camera.zoom).seen
        left, bottom, end, top = (int(n) for n in np.rint(seen))
        return Region(left, bottom, max(end - left, 1), max(top - bottom, 1))

    def _failed(self, error: Exception) -> None:
        with self.workspace.reporting():
            raise error


def _nothing() -> None:
    return None


def _gap(region: Region) -> int:
    return max(2, round(GAP_PART * max(region.width, region.height)))
