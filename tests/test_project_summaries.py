"""What a list of the tomograms shows: counted right whatever is edited, and quick for hundreds of them."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.project import Count, Session, TomogramStatus

SHAPE = (40, 50, 60)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session.create(tmp_path / "p.tomopick") as found:
        for name in ("a", "b"):
            found.add_tomogram(Tomogram(name, tmp_path / f"{name}.mrc", SHAPE, 10.0))
        yield found


def counted(session: Session) -> list[tuple[str, list[tuple[str, int]], list[tuple[str, int]]]]:
    """Name, models with their points, and sets with their particles of each tomogram, from the summaries."""
    return [
        (s.tomogram.name, [(c.name, c.number) for c in s.points], [(c.name, c.number) for c in s.particles])
        for s in session.summaries()
    ]


def loaded(session: Session) -> list[tuple[str, list[tuple[str, int]], list[tuple[str, int]]]]:
    """The same, from the models and particles themselves."""
    return [
        (
            t.name,
            [(m.name, len(m)) for m in session.models(t.name)],
            [(s.name, len(session.particles(s.uid, t.name))) for s in session.particle_sets(t.name)],
        )
        for t in session.tomograms()
    ]


def test_they_follow_every_kind_of_edit_and_its_undoing(session: Session) -> None:
    def add_models() -> None:
        for name in ("outer", "inner"):
            session.add_model(Model(name, tomogram="a", points=np.eye(3)))

    def outer() -> str:
        return session.models("a")[0].uid

    def add_set() -> None:
        particles = Particles(np.ones((5, 3)), tomograms=["a", "a", "a", "b", "b"])
        session.add_particles("crowns", particles, Step("manual"), colour="#112233")

    def fail() -> None:
        with suppress(ZeroDivisionError), session.edit("fails"):
            session.add_points(outer(), [[1, 1, 1]], [1])
            session.remove_particles(session.particle_sets()[0].uid, [1])
            raise ZeroDivisionError

    edits = [
        add_models,
        lambda: session.add_points(outer(), [[1, 2, 3], [4, 5, 6]], [3, 6]),
        lambda: session.move_points(outer(), [0], [[7, 7, 7]]),
        lambda: session.delete_points(outer(), [0, 2]),
        lambda: session.change_model(outer(), points=np.eye(3)[:2], levels=[0, 0]),
        add_set,
        lambda: session.remove_particles(session.particle_sets()[0].uid, [4, 5]),
        fail,
        lambda: session.rename_tomogram("a", "c"),
        lambda: session.set_status("c", "done"),
        lambda: session.remove_model(session.models()[0].uid),
        lambda: session.remove_tomogram("c"),
    ]
    for edit in edits:
        edit()
        assert counted(session) == loaded(session)
    assert [s.tomogram.name for s in session.summaries()] == ["b"]
    while session.undo():
        assert counted(session) == loaded(session)
    while session.redo():
        assert counted(session) == loaded(session)


def test_they_name_what_they_count(session: Session) -> None:
    uid = session.add_model(Model("outer", tomogram="b", points=np.eye(3), colour="#aabbcc"))
    particles = Particles(np.ones((2, 3)), tomograms=["b", "b"])
    crowns = session.add_particles("crowns", particles, Step("manual"), colour="#112233")
    session.set_status("b", TomogramStatus.DONE)
    a, b = session.summaries()
    assert (a.points, a.particles, a.total_points, a.total_particles) == ((), (), 0, 0)
    assert a.status is TomogramStatus.TODO
    assert b.tomogram == session.tomogram("b")
    assert b.status is TomogramStatus.DONE
    assert b.points == (Count(uid, "outer", "#aabbcc", 3),)
    assert b.particles == (Count(crowns, "crowns", "#112233", 2),)
    assert (b.total_points, b.total_particles) == (3, 2)


def test_they_are_the_same_when_the_project_is_opened_again(session: Session) -> None:
    session.add_model(Model("outer", tomogram="b", points=np.eye(3)))
    session.add_model(Model("empty", tomogram="b"))
    before = session.summaries()
    session.close()
    with Session.open(session.path) as again:
        assert again.summaries() == before
        assert counted(again)[1] == ("b", [("outer", 3), ("empty", 0)], [])


def test_hundreds_of_tomograms_are_counted_at_once(tmp_path: Path) -> None:
    names = [f"tomo_{i}" for i in range(500)]
    with Session.create(tmp_path / "many.tomopick") as session:
        with session.edit("fill"):
            for name in names:
                session.add_tomogram(Tomogram(name, tmp_path / f"{name}.mrc", SHAPE, 10.0))
            for k in range(5):
                particles = Particles(np.ones((1000, 3)), tomograms=np.repeat(names, 2))
                session.add_particles(f"set {k}", particles, Step("manual"))
        uid = session.add_model(Model("m", tomogram="tomo_7"))
        session.summaries()
        times = []
        for number in range(5):
            session.add_points(uid, [[1, 2, number]], [number])
            start = time.perf_counter()
            found = session.summaries()
            times.append(time.perf_counter() - start)
        assert found[7].total_points == 5
        assert [s.total_particles for s in found] == [10] * 500
        # a tenth of this where nothing else runs; loading what is counted takes a hundred times as long
        assert min(times) < 0.05
