"""How like particles are to the average of the others: arrays, the protocol, a project, the command line."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_tomopick import cli
from napari_tomopick.errors import Cancelled, ParameterError
from napari_tomopick.geometry.orientations import from_directions
from napari_tomopick.io.particles import read_particles, write_particles
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.particles import Particles, concatenate
from napari_tomopick.models.parting import parting
from napari_tomopick.models.quantities import LIKENESS, quantities
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.picking.likeness import Comparison, likeness_of
from napari_tomopick.project import Session
from napari_tomopick.protocols import jobs_review, likeness_sources
from napari_tomopick.protocols.likeness import likeness, replaced, what_is_known

BOX = 20
TRUE, FALSE = 12, 6
SHAPE = (44, 64, 180)


def blob(points):
    """A lop-sided density, at points x, y, z from its middle."""
    lobes = np.array([[4.0, 1, 0], [-3, 3, 2], [-2, -4, 3], [1, 0, -5]])
    return sum(np.exp(-((points - lobe) ** 2).sum(axis=-1) / 4.5) for lobe in lobes)


def scene(seed, sign=1.0, noise=0.25):
    """A volume with particles, rods and nothing, and picks of all: true ones first, each a bit off."""
    rng = np.random.default_rng(seed)
    volume = rng.normal(0, noise, SHAPE).astype(np.float32)
    where = np.array([(x, y, z) for x in range(14, 170, 19) for y in (18, 46) for z in (22,)], float)
    where = where[rng.permutation(len(where))][: TRUE + FALSE]
    turns = Rotation.random(len(where), rng=rng)
    grid = np.stack(np.meshgrid(*(np.arange(-9, 10),) * 3, indexing="ij"), -1)[..., ::-1]
    for i, (at, turn) in enumerate(zip(where, turns, strict=True)):
        x, y, z = at.astype(int)
        part = volume[z - 9 : z + 10, y - 9 : y + 10, x - 9 : x + 10]
        if i < TRUE:
            part += blob(turn.inv().apply(grid.reshape(-1, 3)).reshape(grid.shape))
        elif i % 2:
            part += 0.7 * np.exp(-((grid / [8, 2, 2]) ** 2).sum(axis=-1))
    moved = where + rng.choice([-1.0, 0, 1], where.shape)
    return volume * np.float32(sign), Particles(moved, turns, box_size=BOX, voxel_size_angstrom=10.0)


def in_file(folder, name, volume, **known):
    path = folder / f"{name}.mrc"
    write_mrc(path, volume, 10.0)
    return Tomogram(name, path, volume.shape, 10.0, **known)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    volume, picks = scene(0)
    tomogram = in_file(tmp_path_factory.mktemp("likeness"), "one", volume)
    return tomogram, replace(picks, tomograms=["one"] * len(picks))


def values(particles):
    return particles.table[LIKENESS].to_numpy()


class Held:
    """Boxes in memory."""

    def __init__(self, comparison, boxes):
        self.comparison, self.boxes = comparison, boxes

    def row(self, i):
        return None if self.boxes[i] is None else self.comparison.row(self.boxes[i])

    def best(self, i, others):
        return self.comparison.best(self.boxes[i], others)


# parting


def test_values_are_parted_between_their_heaps():
    rng = np.random.default_rng(0)
    heaps = np.concatenate([rng.normal(0.2, 0.03, 30), rng.normal(0.6, 0.05, 70), [np.nan]])
    found = parting(heaps + 1e6)
    assert found.below == 30
    assert 0.3 < found.limit - 1e6 < 0.5
    assert found.is_clear
    assert not parting(rng.normal(size=500)).is_clear
    assert not parting(np.linspace(0, 1, 200)).is_clear


def test_equal_values_are_not_parted():
    assert parting([]) is None
    assert parting([np.nan, 2, 2]) is None
    # four of six would be the half
    assert parting([0, 1, 1, 1, 1, 9]).below == 5


# arrays


def test_a_box_has_no_part_in_what_it_is_compared_with():
    rng = np.random.default_rng(1)
    comparison = Comparison(8, 0.0, 0.0)
    noise = rng.normal(size=(3, *(comparison.cut_size,) * 3)).astype(np.float32)
    found = likeness_of(3, Held(comparison, noise), rounds=1).values
    # of three unrelated boxes each would correlate by 0.58 with the mean of all
    assert np.abs(found).max() < 0.25
    rows = [comparison.row(box) for box in noise]
    expected = np.corrcoef(rows[0], rows[1] + rows[2])[0, 1]
    assert found[0] == pytest.approx(expected, abs=0.01)


def test_a_box_is_moved_to_where_it_is_most_alike():
    rng = np.random.default_rng(2)
    big = ndimage.gaussian_filter(rng.normal(size=(40, 40, 40)), 1.5).astype(np.float32)

    def cut(size, x):
        half = size // 2
        return big[20 - half : 20 + half, 20 - half : 20 + half, 20 + x - half : 20 + x + half]

    still, moved = Comparison(12, 0.0, 0.0), Comparison(12, 0.0, 2.0)
    offsets = [0, 0, 0, 2]
    without = likeness_of(4, Held(still, [cut(still.cut_size, x) for x in offsets]), rounds=1).values
    within = likeness_of(4, Held(moved, [cut(moved.cut_size, x) for x in offsets]), rounds=1).values
    assert within[3] == pytest.approx(1.0, abs=1e-4)
    assert without[3] < 0.8


def test_coarse_detail_is_compared_on_a_coarser_grid():
    comparison = Comparison(96, 96 / 7, 96 / 18)
    assert comparison.size < 50
    assert comparison.size % 2 == 0
    fine = Comparison(36, 36 / 7, 2.0)
    assert fine.size == fine.cut_size
    assert len(fine.shifts) == 33
    assert not fine.shifts[0].any()


def test_boxes_of_one_grey_value_are_not_compared():
    comparison = Comparison(8, 0.0, 0.0)
    rng = np.random.default_rng(3)
    boxes = [rng.normal(size=(8, 8, 8)).astype(np.float32) for _ in range(4)]
    boxes += [np.full((8, 8, 8), 1234.567, np.float32), None]
    found = likeness_of(6, Held(comparison, boxes), rounds=3)
    assert np.isnan(found.values).tolist() == [False] * 4 + [True] * 2
    assert not found.agreeing[4:].any()


# the protocol


def test_false_picks_are_less_like_the_average(one):
    tomogram, picks = one
    found = likeness(picks, [tomogram])
    like = values(found.particles)
    assert like[:TRUE].min() > found.parted.limit > like[TRUE:].max()
    assert found.parted.is_clear
    assert found.agreeing.tolist() == picks.ids[:TRUE].tolist()
    assert found.particles.ids.tolist() == picks.ids.tolist()
    assert quantities(found.particles)[f"table:{LIKENESS}"].label == "likeness"
    first = likeness(picks, [tomogram], rounds=1)
    assert first.rounds == 1
    assert values(first.particles)[:TRUE].mean() < like[:TRUE].mean()


def test_the_order_of_particles_and_threads_do_not_matter(one):
    tomogram, picks = one
    order = np.random.default_rng(4).permutation(len(picks))
    there = values(likeness(picks, [tomogram], threads=1).particles)
    assert values(likeness(picks.select(order), [tomogram], threads=3).particles) == pytest.approx(
        there[order], abs=1e-5
    )


def test_what_is_not_held_in_memory_is_cut_again(one, monkeypatch):
    tomogram, picks = one
    whole = values(likeness(picks, [tomogram]).particles)
    monkeypatch.setattr(likeness_sources, "KEPT_BYTES", 2**18)
    assert values(likeness(picks, [tomogram]).particles).tolist() == whole.tolist()


def test_several_tomograms_each_in_its_contrast(one, tmp_path):
    tomogram, picks = one
    volume, others = scene(5, sign=-3.0)
    dark = in_file(tmp_path, "two", volume, particles_are_dark=True)
    bright = replace(tomogram, particles_are_dark=False)
    both = concatenate([picks, replace(others, tomograms=["two"] * len(others))])
    like = values(likeness(both, [bright, dark]).particles)
    true = np.tile(np.arange(TRUE + FALSE) < TRUE, 2)
    assert like[true].min() > like[~true].max()


def test_what_is_known_of_orientations():
    rng = np.random.default_rng(6)
    directions = rng.normal(size=(20, 3))
    assert what_is_known(from_directions(np.vstack([directions, [[0, 0, -1]]]))) == "axis"
    assert what_is_known(Rotation.random(20, rng=rng)) == "orientation"
    assert what_is_known(Rotation.identity(3)) == "position"


def test_particles_without_orientations_are_compared_as_they_lie(one):
    tomogram, picks = one
    found = likeness(Particles(picks.positions, tomograms=picks.tomograms, voxel_size_angstrom=10.0),
                     [tomogram], box_size=BOX, by="boxes")  # fmt: skip
    assert found.known == "position"
    assert "as they lie" in " ".join(found.lines())
    # blurred, but a density is still told from none
    nothing = TRUE + np.flatnonzero(np.arange(TRUE, TRUE + FALSE) % 2 == 0)
    assert values(found.particles)[:TRUE].min() > values(found.particles)[nothing].max()


def test_without_orientations_the_network_tells_them_apart(one):
    pytest.importorskip("torch")
    tomogram, picks = one
    bare = replace(picks, rotations=None)
    found = likeness(replace(bare, positions=np.vstack([bare.positions[:-1], [[-9.0, 9, 9]]])), [tomogram])
    assert found.by == "network"
    assert "the network makes" in found.lines()[0]
    like = values(found.particles)
    assert np.isnan(like[-1])
    nothing = np.arange(TRUE, TRUE + FALSE - 1, 2)
    assert like[:TRUE].min() > like[nothing].max()


def test_what_lies_outside_has_no_likeness(one):
    tomogram, picks = one
    far = replace(picks, positions=np.vstack([picks.positions[:-1], [[-30.0, 20, 20]]]))
    found = likeness(far, [tomogram])
    assert np.isnan(values(found.particles)).tolist() == [False] * (len(picks) - 1) + [True]
    assert "1 has no likeness" in " ".join(found.lines())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"box_size": 15}, "even"),
        ({"box_size": 4}, "shows nothing"),
        ({"low_pass_angstrom": 500.0}, "leaves nothing"),
        ({"low_pass_angstrom": -1.0}, "low-pass must be 0 or more"),
        ({"max_shift": 9.0}, "something else"),
        ({"max_shift": float("nan")}, "largest shift"),
        ({"rounds": 0}, "once at least"),
    ],
)
def test_options_that_make_no_sense(one, options, message):
    with pytest.raises(ParameterError, match=message):
        likeness(one[1], [one[0]], **options)


def test_particles_that_cannot_be_compared(one):
    tomogram, picks = one
    with pytest.raises(ParameterError, match="3 of them"):
        likeness(picks.select([0, 1]), [tomogram])
    with pytest.raises(ParameterError, match="no box size"):
        likeness(replace(picks, box_size=None), [tomogram])
    with pytest.raises(ParameterError, match="another binning"):
        likeness(replace(picks, positions=picks.positions + 1000), [tomogram])


def test_it_can_be_stopped_and_says_how_far_it_is(one):
    tomogram, picks = one
    told = []
    likeness(picks, [tomogram], rounds=2, progress=lambda *what: told.append(what))
    assert told[-1][:2] == (3 * len(picks), 3 * len(picks))
    assert {text for *_, text in told} == {
        "averaging particles",
        "comparing particles, round 1",
        "comparing particles, round 2",
    }

    def stop(done, total, text):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        likeness(picks, [tomogram], progress=stop)


# in a project


@pytest.fixture
def project(one, tmp_path):
    tomogram, picks = one
    session = Session.create(tmp_path / "p.tomopick")
    step = Step("import", {}, ())
    session.add_tomogram(tomogram, step)
    uid = session.add_particles("picks", picks, step)
    yield session, uid
    session.close()


def test_the_likeness_is_one_edit_of_the_set(project):
    session, uid = project
    job = jobs_review.likeness_job(session, uid, {})
    said = job.record(session, job.compute(None))
    assert "18 of 18 compared" in said
    assert "in their own frames" in said
    assert session.undo_label == "Compare 18 particles with the average"
    assert values(session.particles(uid))[0] > 0.5
    session.undo()
    assert LIKENESS not in session.particles(uid).table
    session.redo()
    assert LIKENESS in session.particles(uid).table


def test_what_was_edited_meanwhile_has_no_likeness(project):
    session, uid = project
    job = jobs_review.likeness_job(session, uid, {})
    result = job.compute(None)
    session.remove_particles(uid, [1, 2])
    moved = session.particles(uid).select([0])
    session.update_particles(uid, replace(moved, positions=moved.positions + 1))
    job.record(session, result)
    now = session.particles(uid)
    assert now.ids.tolist() == list(range(3, 19))
    assert np.isnan(values(now)).tolist() == [True] + [False] * 15
    assert values(now)[1:].tolist() == values(result.particles)[3:].tolist()
    # one that is new
    more = replace(now, ids=np.append(now.ids[:-1], 99))
    assert np.isnan(values(replaced(more, result.particles))[-1])


# on the command line


def command(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["napari-tomopick", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    return ended.value.code or 0, out, " ".join(err.split())


def test_the_command_writes_a_column_that_clean_filters_by(one, tmp_path, monkeypatch, capsys):
    tomogram, picks = one
    write_particles(tmp_path / "picks.star", picks)
    file = ("likeness", tmp_path / "picks.star")
    code, out, err = command(
        monkeypatch, capsys, *file, "--tomogram", tomogram.path, "--box", BOX, "-o", tmp_path / "like.star"
    )
    assert code == 0, err
    assert "18 of 18 compared" in out
    assert "6 are below" in out
    like = read_particles(tmp_path / "like.star", tomograms=[tomogram])
    limit = parting(values(like)).limit
    code, out, err = command(
        monkeypatch, capsys, "clean", tmp_path / "like.star", "--tomogram", tomogram.path,
        "--filter", f"{LIKENESS}:{limit}:", "-o", tmp_path / "good.star",
    )  # fmt: skip
    assert code == 0, err
    assert len(read_particles(tmp_path / "good.star", tomograms=[tomogram])) == TRUE
    code, _, err = command(monkeypatch, capsys, *file, "-o", tmp_path / "x.star")
    assert code == 1
    assert "which tomogram" in err


def test_the_command_compares_a_set_of_a_project(project, monkeypatch, capsys):
    session, uid = project
    path = session.path
    session.close()
    code, _, err = command(monkeypatch, capsys, "likeness", path, "picks")
    assert code == 0, err
    with Session.open(path) as again:
        assert LIKENESS in again.particles(uid).table
