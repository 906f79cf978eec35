"""The field for a path: what its button asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_tomopick.errors import ParameterError
from napari_tomopick.widgets.step_inputs import PathField


@pytest.fixture
def asked(monkeypatch):
    """What was asked for; each dialog is answered with its own name."""
    for name in ("getExistingDirectory", "getOpenFileName", "getSaveFileName"):
        answer = f"/{name}" if name == "getExistingDirectory" else (f"/{name}", "")
        monkeypatch.setattr(QFileDialog, name, lambda *_, answer=answer: answer)


@pytest.mark.parametrize(
    ("asks_for", "dialog"),
    [("folder", "getExistingDirectory"), ("file", "getOpenFileName"), ("new file", "getSaveFileName")],
)
def test_the_button_asks_for_what_is_needed(qtbot, asked, asks_for, dialog):
    field = PathField("Something", asks_for)
    qtbot.addWidget(field)
    with pytest.raises(ParameterError, match="Something: no path is given"):
        field.path()
    qtbot.mouseClick(field.findChild(QPushButton), Qt.MouseButton.LeftButton)
    assert field.path() == Path(f"/{dialog}")


def test_subtomograms_are_a_folder_or_a_stack(qtbot, asked):
    field = PathField("Subtomograms", "subtomograms")
    qtbot.addWidget(field)
    folder, stack = field.findChild(QPushButton).menu().actions()
    folder.trigger()
    assert field.path() == Path("/getExistingDirectory")
    stack.trigger()
    assert field.path() == Path("/getOpenFileName")
