"""What the pages of the steps have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_tomopick.project import Session
from napari_tomopick.protocols.jobs import Job
from napari_tomopick.widgets.dock import SPACING
from napari_tomopick.widgets.forms import OptionForm, form_layout


class StepPage(QWidget):
    """Inputs and options of one step.

    Parameters
    ----------
    protocol : callable
        Its options make the form.
    explanation : str
        One sentence on what the step does.
    leave_out : tuple of str
        Options that the page has a better field for.
    plain : tuple of str, optional
        Those that are not folded away; see `OptionForm`.
    labels : mapping of str to str, optional
        What options are called other than by their own names.

    Signals
    -------
    wanted(action)
        What the user asked for beside running the step, a callable, to be done where errors are shown.
    """

    wanted = Signal(object)
    title = ""
    can_preview = False
    """Whether what comes of the step can be looked at before it is kept."""

    def __init__(
        self,
        protocol: Callable[..., Any],
        explanation: str,
        leave_out: tuple[str, ...] = (),
        *,
        plain: tuple[str, ...] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.form = OptionForm(protocol, leave_out, plain=plain, labels=labels)
        words = QLabel(explanation)
        words.setWordWrap(True)
        self.inputs = form_layout()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * SPACING)
        layout.addWidget(words)
        layout.addLayout(self.inputs)
        layout.addWidget(self.form)

    def refresh(self, session: Session, tomogram: str) -> None:
        """Offer what the project holds now; what is chosen stays chosen."""
        raise NotImplementedError

    def job(self, session: Session) -> Job:
        """Return the job that the page describes.

        Raises
        ------
        TomopickError
            If something is missing or makes no sense.
        """
        raise NotImplementedError

    def preview_job(self, session: Session) -> Job:
        """Return the job whose result is only looked at; see `can_preview`.

        Raises
        ------
        TomopickError
            If something is missing or makes no sense.
        """
        raise NotImplementedError

    def show_result(self) -> QWidget | None:
        """Show on the page what came of the last job; return where, if there is anything to see."""
        return None

    @property
    def made_set(self) -> str:
        """Uid of the particle set that the last job made, if it is to be reviewed next; else ""."""
        return ""
