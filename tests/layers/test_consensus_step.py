"""A consensus in the window, without the window: looked at first, then kept."""

import numpy as np
import pytest
from PIL import Image

from napari_tomopick.errors import Cancelled, ParameterError, TomopickError
from napari_tomopick.layers.consensus import Choice, ConsensusStep, labelled_sets
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.project import Session
from napari_tomopick.protocols.agreement_words import headline
from napari_tomopick.protocols.consensus import consensus

OPTIONS = {"radius": 5.0, "votes": -1, "mode": "atleast", "weights": None}


def picks(*x, tomogram="a", size=10.0):
    positions = np.array([[value, 20.0, 10.0] for value in x]).reshape(-1, 3)
    return Particles(positions, tomograms=[tomogram] * len(x), voxel_size_angstrom=size)


@pytest.fixture
def session(tmp_path):
    with Session.create(tmp_path / "project.tomopick") as session:
        session.add_tomogram(Tomogram("a", tmp_path / "a.mrc", (40, 60, 60), 10.0))
        binned = Tomogram("a_bin2", tmp_path / "a_bin2.mrc", (20, 30, 30), 20.0, source="a", binning=2)
        session.add_tomogram(binned)
        for name, particles in {
            "hand": picks(10, 40, 50),
            "net": picks(12, 30, 52),
            "truth": picks(11, 40, 51),
            "coarse": Particles(
                [[4.75, 9.75, 4.75]], tomograms=["a_bin2"], voxel_size_angstrom=20.0
            ),  # where hand has 10
        }.items():
            session.add_particles(name, particles, Step("manual"))
        yield session


@pytest.fixture
def uids(session):
    return {entry.name: entry.uid for entry in session.particle_sets()}


def names(session):
    return [entry.name for entry in session.particle_sets()]


def done(job, session):
    result = job.compute(None)
    return result, job.record(session, result)


def test_a_preview_changes_nothing_and_what_it_found_is_kept_as_one_edit(session, uids):
    step, before = ConsensusStep(), names(session)
    choice = Choice((uids["hand"], uids["net"]), OPTIONS, reference=uids["truth"])
    seen, said = done(step.preview(session, choice), session)
    assert names(session) == before
    assert step.made == ""
    assert said.splitlines()[0] == "2 particles from 6 picks in 2 sets"
    assert "only looked at so far" in said
    assert seen.title == "2 particles: radius 5, votes all"
    # kept as it was seen, under any name
    kept, said = done(step.run(session, Choice(**{**vars(choice), "label": "both"})), session)
    assert kept is seen
    assert "net against truth: precision 0.667" in said
    assert said.endswith("kept as particle set both")
    assert names(session) == [*before, "both"]
    assert step.made == session.particle_sets()[-1].uid
    assert session.particle_sets()[-1].count == 2
    session.undo()
    assert names(session) == before


def test_what_was_changed_since_the_preview_is_computed_anew(session, uids):
    step = ConsensusStep()
    choice = Choice((uids["hand"], uids["net"]), OPTIONS)
    seen, _ = done(step.preview(session, choice), session)
    other, _ = done(step.preview(session, Choice(choice.uids, {**OPTIONS, "votes": 1})), session)
    assert len(other.agreed.particles) == 4
    again, _ = done(step.preview(session, choice), session)
    assert again is not seen
    session.remove_particles(uids["net"], session.particles(uids["net"]).ids[:1])
    edited, _ = done(step.run(session, choice), session)
    assert len(edited.agreed.particles) == 1
    step.forget()
    assert step.outcome is None


def test_nothing_in_common_makes_no_set(session, uids):
    step, before = ConsensusStep(), names(session)
    choice = Choice((uids["hand"], uids["net"]), {**OPTIONS, "radius": 0.5})
    outcome, said = done(step.run(session, choice), session)
    assert (step.made, names(session)) == ("", before)
    assert said.splitlines()[-1].startswith("no particle set was made")
    assert outcome.image is not None


def test_the_tables_tell_who_agrees_with_whom(session, uids):
    choice = Choice((uids["hand"], uids["net"]), OPTIONS, reference=uids["truth"])
    outcome, _ = done(ConsensusStep().preview(session, choice), session)
    tables = {table.short: table for table in outcome.tables}
    assert list(tables) == ["Who", "Sets", "Tomograms", "Scores"]
    assert tables["Who"].rows == (
        ("hand + net", "2", "2", "2"),
        ("hand", "1", "1", "0"),
        ("net", "1", "1", "0"),
    )
    assert tables["Sets"].columns == ("set", "picks", "alone", "hand", "net")
    assert tables["Sets"].rows == (("hand", "3", "1", "", "0.500"), ("net", "3", "1", "0.500", ""))
    assert tables["Tomograms"].rows == (("a", "3", "3", "2"),)
    assert tables["Scores"].title == "against truth"
    assert tables["Scores"].rows == (
        ("hand", "1.000", "1.000", "1.000", "3", "0", "0", "1.00"),
        ("net", "0.667", "0.667", "0.667", "2", "1", "1", "1.00"),
        ("the consensus", "1.000", "0.667", "0.800", "2", "0", "1", "0.00"),
    )


@pytest.mark.parametrize(
    ("votes", "mode", "words"),
    [(-1, "atleast", "votes all"), (2, "atleast", "votes 2 or more"), (1, "exactly", "votes exactly 1")],
)
def test_the_headline_names_the_rule(votes, mode, words):
    options = {"radius": 2.5, "votes": votes, "mode": mode}
    agreed = consensus({"x": picks(1), "y": picks(1)}, **options)
    assert headline(agreed, options) == f"{len(agreed.particles)} particles: radius 2.5, {words}"


def test_the_grid_of_any_set_and_weights_in_the_order_of_the_list(session, uids):
    options = {**OPTIONS, "radius": 10.0, "weights": "3,1"}
    chosen = (uids["hand"], uids["coarse"])
    fine, _ = done(ConsensusStep().preview(session, Choice(chosen, options)), session)
    assert set(fine.agreed.particles.tomograms) == {"a"}
    coarse, _ = done(
        ConsensusStep().preview(session, Choice(chosen, {**options, "radius": 5.0}, grid=uids["coarse"])),
        session,
    )
    assert set(coarse.agreed.particles.tomograms) == {"a_bin2"}
    # hand, with its three times the weight, at the same place
    apart = Particles([[5.75, 9.75, 4.75]], tomograms=["a_bin2"], voxel_size_angstrom=20.0)
    uid = session.add_particles("apart", apart, Step("manual"))
    found, _ = done(
        ConsensusStep().preview(session, Choice((uids["hand"], uid), {**options, "radius": 5.0}, grid=uid)),
        session,
    )
    assert found.agreed.particles.positions[:, 0].tolist() == [5.0]


@pytest.mark.parametrize("ticked", [[], ["hand"]])
def test_fewer_than_two_sets_are_refused(session, uids, ticked):
    with pytest.raises(ParameterError, match="tick two or more particle sets"):
        ConsensusStep().run(session, Choice(tuple(uids[name] for name in ticked), OPTIONS))


def test_weights_of_another_number_are_told_of(session, uids):
    choice = Choice((uids["hand"], uids["net"]), {**OPTIONS, "weights": "1,2,3"}, grid=uids["net"])
    with pytest.raises(ParameterError, match="3 weights for 2 sets"):
        ConsensusStep().preview(session, choice).compute(None)


def test_one_that_is_stopped_leaves_what_was_seen(session, uids):
    step = ConsensusStep()
    seen, _ = done(step.preview(session, Choice((uids["hand"], uids["net"]), OPTIONS)), session)

    def stop(done, total, text):
        raise Cancelled("stopped")

    other = Choice((uids["hand"], uids["truth"]), OPTIONS)
    with pytest.raises(Cancelled):
        step.preview(session, other).compute(stop)
    assert step.outcome is seen


def test_saving(session, uids, tmp_path):
    step = ConsensusStep()
    outcome, _ = done(step.preview(session, Choice((uids["hand"], uids["net"]), OPTIONS)), session)
    assert outcome.save_picture(tmp_path / "picture") == tmp_path / "picture.png"
    with Image.open(tmp_path / "picture.png") as saved:
        assert saved.size == outcome.image.size
    outcome.save_picture(tmp_path / "picture.svg")
    assert "2 particles: radius 5, votes all" in (tmp_path / "picture.svg").read_text()
    assert outcome.save_table(tmp_path / "table") == tmp_path / "table.csv"
    assert (tmp_path / "table.csv").read_text().startswith("tomogram,hand,net,votes,clusters,kept\n")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ParameterError, match=r"a picture is \.png or \.svg"):
        outcome.save_picture(tmp_path / "picture.pdf")
    with pytest.raises(ParameterError, match=r"a table is \.csv"):
        outcome.save_table(tmp_path / "table.xlsx")
    with pytest.raises(TomopickError, match="no folder"):
        outcome.save_table(tmp_path / "nowhere" / "table.csv")
    assert sorted(tmp_path.iterdir()) == before


def test_as_scipion_makes_it_there_is_no_picture(session, uids, tmp_path):
    choice = Choice((uids["hand"], uids["net"]), {**OPTIONS, "compatible": True}, reference=uids["truth"])
    outcome, said = done(ConsensusStep().preview(session, choice), session)
    assert outcome.image is None
    assert [table.short for table in outcome.tables] == ["Scores"]
    assert "does not tell who picked what" in said
    with pytest.raises(ParameterError, match="does not tell who picked what"):
        outcome.save_picture(tmp_path / "picture.png")


def test_sets_are_listed_with_what_tells_them_apart(session):
    sets = session.particle_sets()
    assert [text for text, _ in labelled_sets(sets)][-2:] == ["truth (3) · 10 Å", "coarse (1) · 20 Å"]
    assert [text for text, _ in labelled_sets(sets[:2])] == ["hand (3)", "net (3)"]
