"""The scene as a picture or a turn-around, of a given size."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import ParameterError, TomopickError
from napari_tomopick.layers.background import Background
from napari_tomopick.layers.movie_files import check_movie, write_movie, write_picture
from napari_tomopick.layers.scene_layers import reporter

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace

LEAST_PIXELS, MOST_PIXELS = 16, 8192
MOST_FRAMES = 2000

NO_WINDOW = "Pictures are taken of a window, and there is none."
IN_SLICES = "A turn-around is of the scene: go to 3D first."

SCREEN = "screen"
"""In place of an axis of the tomogram: what is upright on the screen."""


@dataclass(frozen=True)
class Turnaround:
    """A movie in which the scene turns round once.

    Parameters
    ----------
    path : Path
        Where it is written; see `napari_tomopick.layers.movie_files.MOVIES`.
    frames : int
    seconds : float
    axis : "screen", "x", "y" or "z"
        About which it turns, through the middle of the picture.
    width, height : int
        In pixels.
    """

    path: Path
    frames: int = 72
    seconds: float = 6.0
    axis: str = SCREEN
    width: int = 1000
    height: int = 750

    def check(self) -> None:
        """Raise an error that names what is amiss."""
        if not 2 <= self.frames <= MOST_FRAMES:
            raise ParameterError(f"a turn-around has from 2 to {MOST_FRAMES} frames, got {self.frames}")
        if not (np.isfinite(self.seconds) and self.seconds > 0):
            raise ParameterError(f"a turn-around takes a positive number of seconds, got {self.seconds}")
        if self.axis not in (SCREEN, "x", "y", "z"):
            raise ParameterError(f"a scene turns about '{SCREEN}', x, y or z, got {self.axis!r}")
        _check_size(self.width, self.height)
        check_movie(self.path)


class PictureExport:
    """Takes pictures of the viewer; how one looked at it before comes back.

    Parameters
    ----------
    workspace : Workspace

    Signals
    -------
    changed()
        A movie is begun, gone on with, or over.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._background = Background(lambda: workspace.run_long)
        self._background.changed.connect(self.changed.emit)
        self._frames: Iterator[tuple[int, int]] | None = None
        self._drawn = (0, 0)
        self.said = ""

    # pictures

    def picture(self, width: int, height: int) -> NDArray[np.uint8]:
        """What the viewer shows now, ``(height, width, 3)``: the same, at another size.

        Raises
        ------
        ParameterError
            If a side is not from 16 to 8192 pixels, or there is no window.
        """
        _check_size(width, height)
        with self._looking(width, height):
            return self._shot(width, height)

    def save_picture(self, path: str | os.PathLike[str], width: int, height: int) -> None:
        """Save what the viewer shows now as PNG.

        Raises
        ------
        ParameterError, TomopickError
            If the size or suffix is none, or it cannot be written.
        """
        write_picture(path, self.picture(width, height))
        self.said = f"{Path(path).name}: {width} x {height} pixels"
        self._workspace.say(f"Saved {path}.")
        self.changed.emit()

    def _shot(self, width: int, height: int) -> NDArray[np.uint8]:
        # what is seen through is black on the screen
        found: Any = self._workspace.viewer.screenshot(  # type: ignore[attr-defined]
            size=(height, width), canvas_only=True, flash=False
        )
        return np.ascontiguousarray(found[..., :3])

    @contextmanager
    def _looking(self, width: int, height: int) -> Iterator[None]:
        """Within this the picture of such a size shows what the canvas does, without words in its corner."""
        viewer = self._workspace.viewer
        if not hasattr(viewer, "screenshot"):
            raise ParameterError(NO_WINDOW)
        camera, text = viewer.scene.camera, viewer.canvas.overlays.text
        before = camera.zoom, camera.angles, camera.center, text.visible
        rows, columns = viewer.canvas.size
        try:
            text.visible = False
            camera.zoom *= min(height / rows, width / columns)
            yield
        finally:
            camera.angles = before[1]
            camera.zoom, camera.center = before[0], before[2]
            text.visible = before[3]

    # turn-around

    @property
    def running(self) -> bool:
        """Whether a turn-around is being made."""
        return self._frames is not None or self._background.running

    @property
    def progress(self) -> tuple[int, int, str]:
        """How far it is: done, of how much, what with."""
        if self._frames is not None:
            return (*self._drawn, "drawing")
        return self._background.progress

    def start(self, movie: Turnaround) -> None:
        """Begin a turn-around; `step` draws it, a frame at a time.

        Raises
        ------
        ParameterError, TomopickError
            If it cannot be made, or another one is being made.
        """
        if self.running:
            raise ParameterError("A turn-around is being made already: wait for it, or cancel it.")
        if not self._workspace.is_3d or self._workspace.tomogram is None:
            raise ParameterError(IN_SLICES)
        if not hasattr(self._workspace.viewer, "screenshot"):
            raise ParameterError(NO_WINDOW)
        movie.check()
        self._frames = self._draw(movie)
        self.said, self._drawn = "", (0, movie.frames)
        self.changed.emit()

    def step(self) -> bool:
        """Draw the next frame; false where there is none left to draw, and the rest is done elsewhere."""
        if self._frames is None:
            return False
        try:
            self._drawn = next(self._frames)
        except StopIteration:
            self._frames = None
        except BaseException:
            self._frames = None
            raise
        finally:
            self.changed.emit()
        return self._frames is not None

    def cancel(self) -> None:
        """Give up the turn-around; nothing is left of it."""
        frames, self._frames = self._frames, None
        if frames is not None:
            frames.close()  # type: ignore[attr-defined]
        self._background.stop()
        self.changed.emit()

    def _draw(self, movie: Turnaround) -> Iterator[tuple[int, int]]:
        """Draw frame after frame into files, then write the movie in the background."""
        from PIL import Image

        folder = tempfile.TemporaryDirectory(prefix="turn-around-", ignore_cleanup_errors=True)
        files = [Path(folder.name) / f"{number:04d}.png" for number in range(movie.frames)]
        handed_on = False
        try:
            camera = self._workspace.viewer.scene.camera
            view, up = (np.asarray(v, float)[::-1] for v in (camera.view_direction, camera.up_direction))
            axis = up if movie.axis == SCREEN else np.eye(3)["xyz".index(movie.axis)]
            for number, file in enumerate(files):
                # the scene turns counter-clockwise about the axis, so the eye goes the other way
                turn = Rotation.from_rotvec(-2 * np.pi * number / movie.frames * axis)
                # between two frames the user has the camera
                with self._looking(movie.width, movie.height):
                    self._workspace.scene.look(*turn.apply([view, up]))
                    pixels = self._shot(movie.width, movie.height)
                try:
                    Image.fromarray(pixels).save(file, compress_level=1)
                except OSError as error:
                    where = f"cannot keep the frames of the movie in {folder.name}"
                    raise TomopickError(f"{where}: {error.strerror or error}; nothing was written") from error
                yield number + 1, movie.frames
            handed_on = True
            self._write(movie, files, folder)
        finally:
            if not handed_on:
                folder.cleanup()

    def _write(self, movie: Turnaround, files: list[Path], folder: Any) -> None:
        def work(progress: Any) -> str:
            with folder:
                return write_movie(movie.path, files, movie.seconds, progress)

        def done(said: str) -> None:
            self.said = said
            self._workspace.say(f"Saved {movie.path}.")

        self._background.start("writing the movie", work, done, reporter(self._workspace))


def _check_size(width: int, height: int) -> None:
    for name, value in (("width", width), ("height", height)):
        if not LEAST_PIXELS <= value <= MOST_PIXELS:
            raise ParameterError(
                f"the {name} of a picture is {LEAST_PIXELS} to {MOST_PIXELS} pixels, got {value}"
            )
