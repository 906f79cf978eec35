"""TomoTwin's .tloc, a pickled table: read as such, and never as a program."""

from __future__ import annotations

import base64
import pickle
import random
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io.particles import holds_particles, read_particles, write_particles
from napari_tomopick.io.particles.pickled_table import read_pickled_table
from napari_tomopick.models.tomogram import Tomogram

# a table with the columns and types of TomoTwin 0.6, pickled by pandas 1.5 with numpy 1.26
OF_PANDAS_1_5 = """
c-pO0U2D`p6is%MZMQ9I3#}EQZ-w<GSdm&q5UdDw+AT<-DwOFYncWP{7n6zG7KQbpUocNP`Xl_4dMD|&Y1dU0v+QJ&%suzsGjmSg
{`%cEic3zXB=$+>cnPOYhm(jZ*?d6+d0EWAsC%E(N7a%Rj=EgQh3aw^3(8{>W==$6(xp68a_V`QczYY=GlaL~+<6ENnVVh4D0vg-
amu{CkYZN{!D=}Z=TUl4!o!qu<|#ReJ3NWpywfQmzctF@jsE)Xwy~w8T|~j%7YC^>TGl!b)Y<8YdaYWhF3qQ^-EP170aq~~Lns%S
sD7-ZxvB&#ljCmALcwAv%+5mQX&7X{B2%NFnjVA6;KpTkW23*lyQPBJ5-GT&ae@VSs*MinZ}d0&>%&1cR39DGGNz2Cp@JD%%PV~a
bECStfUP6zHw`>7R*c8PwOGg=4yq4=46`VNEmaBrp#E5jjT*zK^XHh0BkpCYmA~q_fyVwN(e^c%F*N=^V8&6i3M14GXkz}VjC{IJ
Gsh(vh;IVNw1?O9J2-&>m-b*@$j}FADmhz`NtDB}C7crwz!c`xOX5uM+!H$dmK=jb#YcUdkJPH^s**|*HIE8<H>>obtMontde3yl
<{Oa8Tll|I(#qH&R5}?^0s6!)%><}9<<w`Mpg#6Ol4%+Bm@fh)8v$kAKxlc=6kbrklvb?mrJWyZmV~_fD?%;|U}7y6%MU9&1pC#^
xHy>Cp7mzbj|N-uxlBg&0ComW0Zyms9Jn5aen`RZ4%AA706){5PjCvxLt~F-#pYQ{#D$`)NBakdipmDC&3p>`tA8iJOAi`IdbnT-
Ey`&j@Ov;vmc$r*jtEF*-*=XsC6&tt?u4YP6Uo~o43l1l{X7N#fn_)(E(NDN&2rcI2?S{LY5
"""


def located(path: Path) -> Path:
    content = base64.b85decode("".join(OF_PANDAS_1_5.split()))
    path.write_bytes(zlib.decompress(content))
    return path


def test_what_was_located(tmp_path: Path) -> None:
    path = located(tmp_path / "located.tloc")
    assert holds_particles(path)
    particles = read_particles(path, tomograms=[Tomogram("TS_1", Path("TS_1.mrc"), (60, 200, 200), 10.0)])
    assert particles.positions.tolist() == [[18, 20, 22], [118, 120, 30], [64, 70, 18]]
    assert particles.scores.tolist() == [0.75, 0.5, 0.625]
    assert particles.groups.tolist() == [0, 0, 1]
    assert particles.table["tomotwin_reference"].tolist() == ["1abc", "1abc", "7xyz"]
    assert particles.table["tomotwin_size"].tolist() == [40, 12, 9]
    assert (particles.box_size, particles.voxel_size_angstrom) == (37, 10.0)
    assert set(particles.tomograms) == {"TS_1"}
    write_particles(tmp_path / "p.csv", particles)
    assert read_particles(tmp_path / "p.csv").table.shape == (3, 2)


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_tables_of_this_pandas(tmp_path: Path, protocol: int, order: str) -> None:
    names = pd.Index(["Y", "note", "X", "Z", "n"], dtype=object)
    numbers = np.asarray(np.arange(6.0).reshape(2, 3), order=order)
    table = pd.DataFrame(
        {"Y": numbers[:, 0], "note": pd.Series(["a", None], dtype=object), "X": numbers[:, 1]}
        | {"Z": np.array([7, 8], ">i4"), "n": np.array([True, False])}
    )
    table.columns = names
    table.attrs["references"] = ["r"]
    path = tmp_path / "t.tloc"
    path.write_bytes(pickle.dumps(table, protocol))
    found = read_pickled_table(path)
    assert list(found) == list(names)
    for name in names:
        assert found[name].isna().tolist() == table[name].isna().tolist()
        assert found[name].dropna().tolist() == table[name].dropna().tolist()
    assert found.attrs == {"references": ["r"]}
    assert read_particles(path).positions.tolist() == [[1, 0, 7], [4, 3, 8]]


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    class Bomb:
        def __init__(self, *call: object) -> None:
            self.call = call

        def __reduce__(self) -> tuple:
            return self.call[0], self.call[1:]  # type: ignore[return-value]

    path, mark = tmp_path / "bomb.tloc", tmp_path / "exploded"
    for call, name in (
        ((Path.touch, mark), "getattr|Path"),
        ((eval, f"open({str(mark)!r}, 'w')"), "eval"),
        ((np.load, str(mark)), "load"),
        ((pd.read_pickle, str(mark)), "read_pickle"),
    ):
        path.write_bytes(pickle.dumps(Bomb(*call)))
        with pytest.raises(FileFormatError, match=rf"bomb\.tloc: not opened: .*({name})"):
            read_particles(path)
        # also where a table is around it
        path.write_bytes(pickle.dumps(pd.DataFrame({"X": [Bomb(*call)]}), 4))
        with pytest.raises(FileFormatError, match=r"bomb\.tloc: not opened"):
            read_particles(path)
    assert not mark.exists()
    for content, said in (
        (pickle.dumps([1, 2]), "no pickled table, but a list"),
        (b"X Y Z", "damaged"),
        (b"", "damaged"),
    ):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=said):
            read_particles(path)


def test_columns_that_are_missing_or_no_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.tloc"
    for values, said in (
        ({"X": [1.0], "Y": [2.0]}, "it has no column Z"),
        ({"X": [1.0], "Y": [2.0], "Z": [np.nan]}, "row 1, column Z: nan is not a number"),
        ({"X": [1j], "Y": [2.0], "Z": [3.0]}, "values of the type 'c16'"),
        ({"X": [[1]], "Y": [2.0], "Z": [3.0]}, "neither numbers nor text"),
    ):
        table = pd.DataFrame(values)
        table.columns = pd.Index(list(values), dtype=object)
        path.write_bytes(pickle.dumps(table))
        with pytest.raises(FileFormatError, match=said):
            read_particles(path)


def test_damage(tmp_path: Path) -> None:
    content = located(tmp_path / "sound.tloc").read_bytes()
    rng, path, said = random.Random(4), tmp_path / "q.tloc", []
    for _ in range(400):
        changed = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(changed))
            changed[at : at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
        path.write_bytes(bytes(changed))
        try:
            particles = read_particles(path)
        except FileFormatError as error:
            said.append(str(error))
        else:
            assert np.isfinite(particles.positions).all()
    assert len(said) > 100
    assert all("q.tloc: " in each for each in said)
