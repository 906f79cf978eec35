"""The instant stage of boxing: after each click, what the references lead to is found anew."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from napari_tomopick.errors import Cancelled
from napari_tomopick.layers.background import Background
from napari_tomopick.layers.boxing_picks import Scored

if TYPE_CHECKING:
    from napari_tomopick.layers.boxing import Boxing
    from napari_tomopick.layers.boxing_engine import Taught
    from napari_tomopick.models.references import Sizes
    from napari_tomopick.protocols.describe import Progress

# prepared tomograms take much memory
MOST_TOMOGRAMS = 2
# the size of the particles is estimated anew when there are so many positive references
ESTIMATED_AT = (1, 3, 6)


class Learning:
    """Learns in the background whenever asked; only what was asked last comes to anything.

    Parameters
    ----------
    boxing : Boxing

    Attributes
    ----------
    background : Background
    behind : bool
        Whether there is something to learn that nobody has asked to see yet.
    trouble : str
        Why the last attempt failed.
    """

    def __init__(self, boxing: Boxing) -> None:
        self._boxing = boxing
        self.background = Background(lambda: boxing.workspace.run_long)
        self._prepared: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        # one click more is no reason to prepare a tomogram twice, nor to begin anew
        self._preparing = threading.Lock()
        self._given_up = threading.Event()
        self._settled: tuple[Any, ...] = (None, None, 0, "")
        self.behind = False
        self.trouble = ""

    def stop(self) -> bool:
        """Give up what is under way. False if nothing is."""
        self._given_up.set()
        return self.background.stop()

    def ready(self, sizes: Sizes) -> list[Any]:
        """What is prepared for the kind of particle as it is settled now."""
        kept = self._prepared
        settled = self._settled
        if settled[:2] != (sizes.particle_size, sizes.network_box) or settled[-1] != self._boxing.label:
            return []
        return [found for key, found in list(kept.items()) if key[2:] == settled]

    def forget(self) -> None:
        """Let go of everything that was prepared."""
        self._prepared = OrderedDict()

    def learn(self, *, show: bool) -> None:
        """Learn from the references as they are now, and look for particles in the shown tomogram.

        Parameters
        ----------
        show : bool
            Whether what is found is drawn; else it is only there for the sliders to work on.
        """
        boxing = self._boxing
        work, tomogram = boxing.workspace, boxing.workspace.tomogram
        # while a network is looked at, this can wait
        self.behind = boxing.picks.stage == "network"
        if self.behind:
            return
        taught = [] if tomogram is None else boxing.taught()
        if tomogram is None or not (
            any(len(t.positive) for t in taught) and any(len(t.negative) for t in taught)
        ):
            self.background.stop()
            boxing.picks.take_instant(None, show=False)
            return
        used, sizes, label, engine = _enough(taught), boxing.sizes, boxing.label, boxing.engine
        count = sum(len(t.positive) for t in taught)
        bucket = sum(count >= least for least in ESTIMATED_AT) if sizes.particle_size is None else 0

        if self._given_up.is_set():
            self._given_up = threading.Event()
        given_up, kept = self._given_up, self._prepared

        # by file, too: a tomogram may be taken from another one
        self._settled = settled = (sizes.particle_size, sizes.network_box, bucket, label)

        def prepared(one: Any, progress: Progress, like: Any = None) -> Any:
            key = (one.name, one.path, *settled)
            with self._preparing:
                progress(0, 0, f"Preparing {one.name}")
                if key not in kept:
                    kept[key] = engine.prepare(one, sizes, taught, like, patient(progress))
                    while len(kept) > MOST_TOMOGRAMS:
                        kept.popitem(last=False)
                kept.move_to_end(key)
                return kept[key]

        def patient(progress: Progress) -> Progress:
            def report(done: int, total: int, text: str) -> None:
                try:
                    progress(done, total, text)
                except Cancelled:
                    # what was begun is of use to whatever has taken the place of this
                    if given_up.is_set():
                        raise

            return report

        def compute(progress: Progress) -> Scored:
            # where there are particles, their size is estimated
            first = next(t.tomogram for t in used if len(t.positive))
            like = prepared(first, progress)
            ready = {t.tomogram.name: prepared(t.tomogram, progress, like) for t in used}
            here = ready.get(tomogram.name) or prepared(tomogram, progress, like)
            references = [(ready[t.tomogram.name], *t[1:]) for t in used]
            picker = engine.learn(references, label)
            progress(0, 0, "Looking for particles")
            scores = engine.score(here, picker, first_z=None, found=None, progress=progress)
            return Scored(tomogram.name, picker, scores)

        def done(scored: Scored) -> None:
            self.trouble = ""
            boxing.picks.take_instant(scored, show=show)

        def failed(error: Exception) -> None:
            self.trouble = str(error)
            boxing.picks.take_instant(None, show=False)
            if not isinstance(error, Cancelled):
                with work.reporting():
                    raise error

        self.background.start("Learning from the references", compute, done, failed)


def _enough(taught: list[Taught]) -> list[Taught]:
    """As many tomograms as are learned from at once, with references of both kinds among them."""
    used = taught[:MOST_TOMOGRAMS]
    for role in (1, 2):
        if not any(len(t[role]) for t in used):
            # the last makes room: the shown one is the first
            used = [*used[: MOST_TOMOGRAMS - 1], next(t for t in taught if len(t[role]))]
    if not any(len(t.positive) for t in used):
        used = [next(t for t in taught if len(t.positive)), next(t for t in taught if len(t.negative))]
    return used
