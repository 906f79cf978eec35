"""References of a kind of particle in a project, and how its particles are kept."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from napari_tomopick.errors import ModelError, ParameterError, ProjectError
from napari_tomopick.models import references as roles
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.references import Sizes
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.project import Session
from napari_tomopick.protocols import jobs
from napari_tomopick.protocols import jobs_boxing as boxing
from napari_tomopick.protocols.convert import particles_of_general_models

SHAPE = (40, 60, 80)
PICKER = SimpleNamespace(stage="instant", name="", particle_size=12.0, network_box=24.0)


@pytest.fixture
def session(tmp_path):
    with Session.create(tmp_path / "p.tomopick") as session:
        for name in ("a", "b"):
            session.add_tomogram(Tomogram(name, tmp_path / f"{name}.mrc", SHAPE, 10.0))
        yield session


def refer(session, role, *points, tomogram="a", label="ribosomes", sizes=None):
    sizes = Sizes(box_size=16) if sizes is None else sizes
    return boxing.add_references(
        session, label, tomogram, role, points, np.rint([p[2] for p in points]).astype(int), sizes
    )


def picks(*positions, tomogram="a", scores=None, box_size=16):
    scores = np.linspace(0.9, 0.5, len(positions)) if scores is None else scores
    return boxing.as_particles(
        tomogram, np.reshape(positions, (-1, 3)), scores, voxel_size_angstrom=10.0, box_size=box_size
    )


def step(**parameters):
    return boxing.picking_step("ribosomes", "a", PICKER, parameters, {"positive": 2, "negative": 1})


def test_a_pair_of_models_is_made_as_it_is_needed(session):
    refer(session, "positive", [10, 10, 5])
    assert session.undo_label == "Add positive reference"
    refer(session, "positive", [20, 10, 5])
    refer(session, "negative", [30, 10, 5])
    names = [(m.name, m.colour, len(m), m.box_size) for m in session.models("a")]
    assert names == [("ribosomes +", "#4d8dff", 2, 16), ("ribosomes -", "#ff4d4d", 1, 16)]
    assert roles.labels(session.models()) == ("ribosomes",)
    session.undo()
    assert [m.name for m in session.models("a")] == ["ribosomes +"]
    session.undo()
    session.undo()
    assert session.models() == ()


def test_kinds_of_particles_do_not_mix(session):
    refer(session, "positive", [10, 10, 5])
    refer(session, "positive", [20, 10, 5], label="proteasomes")
    session.add_model(Model("by hand", tomogram="a", points=[[1, 1, 1]]))
    models = boxing.reference_models(session, "proteasomes")
    np.testing.assert_array_equal(boxing.positions(models, "positive"), [[20, 10, 5]])
    assert boxing.positions(models, "negative").shape == (0, 3)


def test_a_reference_outside_changes_nothing(session):
    with pytest.raises(ModelError, match="outside"):
        refer(session, "positive", [500, 10, 5])
    assert session.models() == ()
    assert session.undo_label == "Add tomogram 'b'"


def test_sizes_are_settled_in_all_tomograms(session):
    refer(session, "positive", [10, 10, 5])
    refer(session, "negative", [10, 10, 5], tomogram="b")
    boxing.keep_picks(session, "ribosomes", "a", picks([10, 10, 5]), step())
    sizes = Sizes(box_size=24, particle_size=11.5, network_box=30.0, group=3)
    boxing.set_sizes(session, "ribosomes", sizes)
    assert [roles.sizes_of(m) for m in session.models()] == [sizes, sizes]
    [found] = session.particle_sets()
    assert found.box_size == 24
    assert session.particles(found.uid).groups.tolist() == [3]
    session.undo()
    assert roles.sizes_of(session.models()[0]) == Sizes(box_size=16)


def test_renaming_takes_everything_along(session):
    refer(session, "positive", [10, 10, 5])
    refer(session, "negative", [10, 10, 5], tomogram="b")
    boxing.keep_picks(session, "ribosomes", "a", picks([10, 10, 5]), step())
    boxing.rename_label(session, "ribosomes", " 80S ")
    assert [m.name for m in session.models()] == ["80S +", "80S -"]
    assert [s.name for s in session.particle_sets()] == ["80S"]
    assert roles.labels(session.models()) == ("80S",)
    session.undo()
    assert roles.labels(session.models()) == ("ribosomes",)
    refer(session, "positive", [20, 10, 5], label="other")
    with pytest.raises(ProjectError, match="references of 'other' already"):
        boxing.rename_label(session, "ribosomes", "other")
    with pytest.raises(ProjectError, match="needs a name"):
        boxing.rename_label(session, "ribosomes", " ")


def test_picks_are_kept_for_one_tomogram_at_a_time(session):
    first = boxing.keep_picks(session, "ribosomes", "a", picks([10, 10, 5], [20, 10, 5]), step(threshold=0.5))
    assert (
        boxing.keep_picks(session, "ribosomes", "b", picks([9, 9, 9], tomogram="b"), step(threshold=0.5))
        == first
    )
    before = session.particles(first)
    assert before.ids.tolist() == [1, 2, 3]
    # one stays where it was, and is the same; another comes
    new = picks([30, 30, 5], [20, 10, 5], scores=[0.95, 0.7])
    boxing.keep_picks(session, "ribosomes", "a", new, step(threshold=0.7))
    assert session.undo_label == "Pick 2 particles"
    here = boxing.kept_picks(session, "ribosomes", "a")
    assert here.ids.tolist() == [4, 2]
    assert here.scores.tolist() == [0.95, 0.7]
    assert session.particles(first, "b").ids.tolist() == [3]
    [found] = session.particle_sets()
    assert found.step.parameters["threshold"] == 0.7
    assert found.step.parameters["positive"] == 2
    assert found.step.inputs == ("tomogram a",)
    session.undo()
    np.testing.assert_array_equal(session.particles(first).positions, before.positions)
    assert session.particle_sets()[0].step.parameters["threshold"] == 0.5
    session.redo()
    assert boxing.kept_picks(session, "ribosomes", "a").ids.tolist() == [4, 2]


def test_no_particles_are_a_result_too(session):
    with pytest.raises(ParameterError, match="lower the threshold"):
        boxing.keep_picks(session, "ribosomes", "a", picks(), step())
    boxing.keep_picks(session, "ribosomes", "a", picks([10, 10, 5]), step())
    boxing.keep_picks(session, "ribosomes", "a", picks(), step())
    assert len(boxing.kept_picks(session, "ribosomes", "a")) == 0


def test_further_columns_of_other_tomograms_stay(session):
    made = Particles([[9, 9, 9], [8, 8, 8]], tomograms=["b", "a"], voxel_size_angstrom=10.0)
    uid = session.add_particles("ribosomes", made.with_columns(defocus=[2.0, 3.0]), Step("pick"))
    boxing.keep_picks(session, "ribosomes", "a", picks([10, 10, 5]), step())
    kept = session.particles(uid)
    assert kept.table["defocus"].tolist()[0] == 2.0
    assert np.isnan(kept.table["defocus"].tolist()[1])
    assert kept.tomograms.tolist() == ["b", "a"]
    session.undo()
    assert session.particles(uid).table["defocus"].tolist() == [2.0, 3.0]


def test_a_set_of_the_same_name_that_was_not_picked_is_left_alone(session):
    made = Particles([[9, 9, 9]], tomograms=["a"], voxel_size_angstrom=10.0)
    other = session.add_particles("ribosomes", made, Step("import"))
    uid = boxing.keep_picks(session, "ribosomes", "a", picks([10, 10, 5]), step())
    assert session.particle_set(uid).name == "ribosomes 2"
    assert boxing.keep_picks(session, "ribosomes", "a", picks([11, 10, 5]), step()) == uid
    assert len(session.particles(other)) == 1
    # also under another name
    session.change_particle_set(uid, name="80S")
    assert boxing.picks_of(session, "ribosomes").uid == uid


def test_particles_of_another_tomogram_are_refused(session):
    boxing.keep_picks(session, "ribosomes", "a", picks([10, 10, 5]), step())
    with pytest.raises(ProjectError, match="cannot replace"):
        boxing.keep_picks(session, "ribosomes", "a", picks([10, 10, 5], tomogram="b"), step())


def test_negative_references_are_never_particles(session):
    positive = refer(session, "positive", [10, 10, 5], [20, 20, 5])
    negative = refer(session, "negative", [30, 10, 5])
    job = jobs.crop_points_job(session, [positive, negative], {})
    report = job.record(session, job.compute(None))
    assert "left out: model ribosomes - in a" in report
    assert len(session.particles(session.particle_sets()[0].uid)) == 2
    for make in (jobs.crop_points_job, lambda s, u, o: jobs.orient_job(s, u, [], o)):
        with pytest.raises(ParameterError, match="what is not a particle"):
            make(session, [negative], {})
    model = session.model(negative)
    with pytest.raises(ParameterError, match="negative references"):
        particles_of_general_models([replace(model)], "f")
