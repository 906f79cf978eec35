"""What the gallery can show boxes of: the model that gets the points, particle sets, subtomograms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_tomopick.layers.boxes import ORDERS, Boxes, Placing, no_boxes
from napari_tomopick.layers.gallery_cutting import OneVolume, Volumes
from napari_tomopick.layers.gallery_subtomograms import OpenedSubtomograms
from napari_tomopick.layers.user_points import DEFAULT_BOX
from napari_tomopick.protocols.subtomograms import EMAN_SUFFIX, read_subtomograms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.layers.workspace import Workspace
    from napari_tomopick.models.particles import Particles

CURRENT_MODEL = ""
"""The source of the boxes that is the model which gets the points, whichever it is."""

LEAST_TURN = 1e-6
"""Radians below which an orientation is none."""


def filtered(boxes: Boxes, mask: NDArray[np.bool_] | None) -> Boxes:
    """Those boxes that pass, which know how many others there are; all of them where the mask is None."""
    return boxes if mask is None else replace(boxes.at(mask), hidden=int((~mask).sum()))


class Sources:
    """What there is to be shown, for one gallery.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.opened: dict[str, OpenedSubtomograms] = {}
        self._volume: tuple[object, OneVolume] | None = None
        self._count = 0
        self._turns: tuple[Particles, NDArray[np.float64] | None] | None = None

    def listed(self) -> list[tuple[str, str]]:
        """What boxes can be shown of: (`CURRENT_MODEL`, uid of a set or key of subtomograms; text)."""
        active = self._workspace.picking.active
        models = [(CURRENT_MODEL, f"{active.name} (model)")] if active is not None else []
        sets = [(s.uid, s.name) for s in self._workspace.review.sets]
        return models + sets + [(key, f"{o.name} (subtomograms)") for key, o in self.opened.items()]

    def boxes(self, source: str, box_sizes: Mapping[str, int]) -> Boxes:
        """The boxes of a source; those of the model, or else of the first set, if it is not there any more.

        Parameters
        ----------
        source : str
        box_sizes : mapping
            Those that a user wants instead of their own, by the uid of what has the boxes.
        """
        review, model = self._workspace.review, self._workspace.picking.active
        if source in self.opened:
            return self.opened[source].boxes(box_sizes)
        chosen = next((s for s in review.sets if s.uid == source), None)
        if chosen is None and model is None and review.sets:
            chosen = review.sets[0]
        if chosen is not None:
            particles, filters = review.particles(chosen.uid), review.filters
            known = filters.quantities(chosen.uid)
            found = Boxes(
                chosen.uid,
                chosen.name,
                True,
                particles.ids,
                particles.positions,
                particles.scores,
                particles.groups,
                box_sizes.get(chosen.uid) or chosen.box_size or DEFAULT_BOX,
                Placing(particles.positions, self._turns_of(particles)),
                {key: quantity for key, quantity in known.items() if key not in ORDERS},
            )
            return filtered(found, filters.mask(chosen.uid))
        if model is None:
            return no_boxes()
        n = len(model)
        return Boxes(
            model.uid,
            model.name,
            False,
            np.arange(n),
            model.points,
            np.full(n, np.nan),
            np.full(n, model.group),
            box_sizes.get(model.uid) or model.box_size or DEFAULT_BOX,
        )

    def volumes(self, source: str) -> Volumes | None:
        """What the boxes of a source are read from; None if no tomogram is shown."""
        if source in self.opened:
            return self.opened[source]
        loaded = self._workspace.image.loaded
        if self._workspace.tomogram is None or loaded is None:
            self._volume = None
            return None
        if self._volume is None or self._volume[0] is not loaded:
            # another file may come under the same name
            self._count += 1
            key = f"{loaded.tomogram.name} {self._count}"
            self._volume = loaded, OneVolume(key, loaded.data, loaded.tomogram.voxel_size_angstrom)
        return self._volume[1]

    def _turns_of(self, particles: Particles) -> NDArray[np.float64] | None:
        if self._turns is None or self._turns[0] is not particles:
            oriented = len(particles) and particles.rotations.magnitude().max() > LEAST_TURN
            self._turns = particles, particles.rotations.as_matrix().reshape(-1, 3, 3) if oriented else None
        return self._turns[1]

    def particles(self, source: str) -> Particles | None:
        """The particles of a source; None of a model."""
        if source in self.opened:
            return self.opened[source].particles
        review = self._workspace.review
        return review.particles(source) if any(s.uid == source for s in review.sets) else None

    def open(self, path: Path) -> str:
        """Open subtomograms that `extract`, `average`, Dynamo or EMAN2 has made, and return their key.

        Parameters
        ----------
        path : Path
            The folder, or a file in it; of EMAN2, the stack (.hdf).

        Raises
        ------
        FileFormatError
            If it is no such folder.
        """
        folder = path if path.is_dir() or path.suffix.lower() == EMAN_SUFFIX else path.parent
        opened = OpenedSubtomograms(read_subtomograms(folder), self._workspace)
        self.opened[opened.key] = opened
        return opened.key
