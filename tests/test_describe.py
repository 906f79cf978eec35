"""Options are read from a protocol's signature and docstring, and become flags with the same meaning."""

import inspect
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer
from typer.testing import CliRunner

from napari_tomopick import protocols
from napari_tomopick.cli.generate import flag, with_options
from napari_tomopick.protocols.describe import Bounds, Progress, options


def protocol(
    data: list,
    *,
    box_size: Annotated[int, Bounds(minimum=2)],
    mode: Literal["none", "box"] = "none",
    spacing_angstrom: float | None = None,
    tilt_range_degrees: tuple[float, float] | None = None,
    invert: bool = False,
    memory: Annotated[int, Bounds(1, 9, advanced=True)] = 4,
    progress: Progress | None = None,
):
    """Do something.

    It takes a while.

    Parameters
    ----------
    data : list
        What goes in.
    box_size : int
        Size of the box,
        in voxels.
    mode : str
        How.
    spacing_angstrom, tilt_range_degrees : float
        Shared words.
    invert : bool
        Whether.
    memory : int
        How much.

    Raises
    ------
    ValueError
        Never.
    """


def test_options_are_the_documented_keywords():
    found = {option.name: option for option in options(protocol)}
    assert list(found) == ["box_size", "mode", "spacing_angstrom", "tilt_range_degrees", "invert", "memory"]
    assert found["box_size"].required
    assert found["box_size"].help == "Size of the box, in voxels."
    assert found["box_size"].bounds.minimum == 2
    assert found["mode"].choices == ("none", "box")
    assert found["spacing_angstrom"].optional
    assert found["spacing_angstrom"].kind is float
    assert found["tilt_range_degrees"].kind == tuple[float, float]
    assert found["tilt_range_degrees"].help == "Shared words."
    assert found["memory"].bounds.advanced


def test_an_undocumented_option_is_a_defect():
    def careless(*, depth: int = 1):
        """Do."""

    with pytest.raises(TypeError, match="'depth' is not documented"):
        options(careless)


def test_an_option_nobody_can_type_is_a_defect():
    def careless(*, depth: dict | None = None):
        """Do.

        Parameters
        ----------
        depth : dict
            Words.
        """

    with pytest.raises(TypeError, match="unusable type"):
        options(careless)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("box_size", "--box"), ("voxel_size_angstrom", "--voxel-size"), ("tilt_range_degrees", "--tilt-range")],
)
def test_flags_are_what_users_type(name, expected):
    assert flag(name) == expected


def test_a_command_gets_the_options_of_its_protocol():
    seen = {}
    app = typer.Typer()

    @app.command()
    @with_options(protocol)
    def run(file: Annotated[Path, typer.Argument()], **given):
        seen.update(given, file=file)

    def call(*words):
        return CliRunner().invoke(app, list(words))

    assert (
        call("a.mrc", "--box", "32", "--tilt-range", "-60", "60", "--mode", "box", "--invert").exit_code == 0
    )
    assert seen == {
        "file": Path("a.mrc"),
        "box_size": 32,
        "mode": "box",
        "spacing_angstrom": None,
        "tilt_range_degrees": (-60.0, 60.0),
        "invert": True,
        "memory": 4,
    }
    assert "Missing option '--box'" in call("a.mrc").output
    assert call("a.mrc", "--box", "1").exit_code == 2
    assert call("a.mrc", "--box", "4", "--mode", "sphere").exit_code == 2
    assert "Size of the box" in call("--help").output


def test_every_step_is_a_typed_function_with_described_options():
    for name in protocols.__all__:
        function = getattr(protocols, name)
        assert inspect.isfunction(function), name
        keyword = [
            p.name
            for p in inspect.signature(function).parameters.values()
            if p.kind is p.KEYWORD_ONLY and p.name != "progress"
        ]
        assert [option.name for option in options(function)] == keyword
