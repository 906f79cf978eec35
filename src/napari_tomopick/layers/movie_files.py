"""Pictures and movies as files, each written whole or not at all. Knows neither window nor viewer."""

from __future__ import annotations

import importlib.util
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import ParameterError, TomopickError
from napari_tomopick.io.atomic import atomic_path, check_target

if TYPE_CHECKING:
    from PIL.Image import Image

    from napari_tomopick.protocols.describe import Progress

GIF, ANIMATED_PNG, MP4, FRAMES = ".gif", ".png", ".mp4", ""
MOVIES = {
    GIF: "GIF (256 colours)",
    MP4: "MP4 (small)",
    ANIMATED_PNG: "animated PNG (all colours, large)",
    FRAMES: "a folder of PNG pictures",
}
"""Kinds of movies by their suffix; none is a folder."""

NO_MP4 = (
    "MP4 needs the package imageio-ffmpeg, which is not installed: pip install imageio-ffmpeg, or choose GIF."
)

_TICK_MS = 10  # in which a GIF counts


def can_write_mp4() -> bool:
    """Whether what writes MP4 is installed."""
    return importlib.util.find_spec("imageio_ffmpeg") is not None


def check_movie(path: str | os.PathLike[str]) -> None:
    """Refuse a movie that could not be written, before its frames are drawn.

    Raises
    ------
    ParameterError
        If its suffix is none of `MOVIES`, or needs what is not installed.
    TomopickError
        If its folder does not exist, or there is a folder of its name already.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in MOVIES:
        known = ", ".join(filter(None, MOVIES))
        raise ParameterError(
            f"{target.name}: a movie is one of {known}, or without a suffix a folder of pictures"
        )
    if suffix == MP4 and not can_write_mp4():
        raise ParameterError(NO_MP4)
    if suffix == FRAMES and target.exists():
        raise TomopickError(
            f"cannot write {target}: it exists; choose another name for the folder of pictures"
        )
    check_target(target)


def write_picture(path: str | os.PathLike[str], pixels: NDArray[np.uint8]) -> None:
    """Write a picture as PNG.

    Parameters
    ----------
    path : path-like
        Ends with ".png".
    pixels : array, shape (height, width, 3), uint8

    Raises
    ------
    ParameterError
        If it has another suffix.
    TomopickError
        If it cannot be written; what was there before stays.
    """
    from PIL import Image

    target = Path(path)
    if target.suffix.lower() != ".png":
        raise ParameterError(f"{target.name}: pictures are written as .png")
    with atomic_path(target) as temporary:
        Image.fromarray(pixels).save(temporary)


def write_movie(
    path: str | os.PathLike[str], frames: Sequence[Path], seconds: float, progress: Progress
) -> str:
    """Put pictures together to a movie that goes on for ever.

    Parameters
    ----------
    path : path-like
        Its suffix says which kind, see `MOVIES`.
    frames : sequence of Path
        PNG files of the same size.
    seconds : float
        How long it takes.
    progress : callable
        Called with how many frames are done, of how many, and what is being done.

    Returns
    -------
    str
        What was written.

    Raises
    ------
    TomopickError
        If it cannot be written; what was there before stays.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix == FRAMES:
        _write_folder(target, frames, progress)
    else:
        with atomic_path(target) as temporary:
            if suffix == MP4:
                _write_mp4(temporary, frames, seconds, progress)
            else:
                _write_animated(temporary, suffix, frames, seconds, progress)
    size = sum(f.stat().st_size for f in (target.iterdir() if target.is_dir() else [target]))
    return f"{target.name}: {len(frames)} frames, {size / 1e6:.1f} MB"


class _Pictures:
    """Frames as pictures, read one at a time: all of them at once may be gigabytes.

    Parameters
    ----------
    frames : sequence of Path
    progress : callable
    then : callable
        What is done to each of them.
    before : int
        How often they are looked through before they are written.
    """

    def __init__(
        self,
        frames: Sequence[Path],
        progress: Progress,
        then: Callable[[Image], Image] = lambda picture: picture,
        before: int = 0,
    ) -> None:
        self._frames, self._progress, self._then, self._before = frames, progress, then, before

    def __iter__(self) -> Iterator[Image]:
        from PIL import Image

        writing, self._before = self._before == 0, self._before - 1
        for number, frame in enumerate(self._frames):
            if writing:
                self._progress(number, len(self._frames), "writing the movie")
            with Image.open(frame) as picture:
                yield self._then(picture.convert("RGB"))


def _write_animated(
    path: Path, suffix: str, frames: Sequence[Path], seconds: float, progress: Progress
) -> None:
    from PIL import Image

    each = max(2 * _TICK_MS, _TICK_MS * round(1000 * seconds / len(frames) / _TICK_MS))

    def reduced(picture: Image.Image) -> Image.Image:
        return picture.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)

    settings: dict[str, Any] = {"save_all": True, "duration": each, "loop": 0}
    if suffix == GIF:
        [first] = _Pictures(frames[:1], lambda *_: None, reduced)
        rest = _Pictures(frames[1:], progress, reduced)
        first.save(path, format="GIF", append_images=rest, optimize=False, disposal=1, **settings)
    else:
        # Pillow looks through all of them for their sizes before it writes any
        [first] = _Pictures(frames[:1], lambda *_: None)
        rest = _Pictures(frames[1:], progress, before=1)
        first.save(path, format="PNG", append_images=rest, **settings)


def _write_mp4(path: Path, frames: Sequence[Path], seconds: float, progress: Progress) -> None:
    import imageio.v2 as imageio

    # players want even sides
    writer = imageio.get_writer(
        path, format="FFMPEG", fps=len(frames) / seconds, codec="libx264", quality=8, macro_block_size=2
    )
    with writer:
        for picture in _Pictures(frames, progress):
            writer.append_data(np.asarray(picture))


def _write_folder(path: Path, frames: Sequence[Path], progress: Progress) -> None:
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}")
    try:
        temporary.mkdir()
        for number, frame in enumerate(frames):
            progress(number, len(frames), "writing the pictures")
            shutil.copyfile(frame, temporary / f"{path.name}_{number:04d}.png")
        temporary.rename(path)
    except OSError as error:
        raise TomopickError(f"cannot write {path}: {error.strerror or error}; nothing was changed") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
