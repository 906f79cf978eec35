"""What the matching dock needs of template matching: to read a template, and to find it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from napari_tomopick.models.tomogram import Tomogram
    from napari_tomopick.picking.template import Template
    from napari_tomopick.protocols.describe import Progress
    from napari_tomopick.protocols.match import Matched


class Engine(Protocol):
    """Both may be slow, and are called in any thread; matching stops where ``progress`` raises."""

    def load(self, path: Path, mask: Path | None, symmetry: str) -> Template:
        """Read a template, and its mask if there is one."""

    def match(
        self, tomogram: Tomogram, template: Template, options: Mapping[str, Any], progress: Progress
    ) -> Matched:
        """Find the template in a tomogram."""


class TemplateMatching:
    """The engine of `napari_tomopick.protocols.match`."""

    def load(self, path: Path, mask: Path | None, symmetry: str) -> Template:
        """See `Engine`."""
        from napari_tomopick.protocols.match import load_template

        return load_template(path, mask=mask, symmetry=symmetry)

    def match(
        self, tomogram: Tomogram, template: Template, options: Mapping[str, Any], progress: Progress
    ) -> Matched:
        """See `Engine`."""
        from napari_tomopick.protocols.match import match

        return match(tomogram, template, **options, progress=progress)
