"""A number that is dragged or typed: its effect is seen at once, and settled when it is let go."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt, QTimer, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QSizePolicy, QSlider, QWidget

from napari_tomopick.widgets.dock import SPACING
from napari_tomopick.widgets.focus import wheel_scrolls_past

STEPS = 1000
# keys and the wheel change a value little by little; after such a pause it is as wanted
PAUSE_MS = 500


class SliderField(QWidget):
    """A slider with its number.

    Parameters
    ----------
    text : str
    name : str
        Object name of the number; the slider has it with "-slider".
    minimum, maximum : float
    decimals : int
    tip : str
    limitless : str, optional
        What stands for no limit, at the right end of the slider; the value is then `maximum`.

    Signals
    -------
    moved(value)
        The value is another one, but may be on its way.
    settled()
        The user has let go.
    """

    moved = Signal(float)
    settled = Signal()

    def __init__(
        self,
        text: str,
        name: str,
        minimum: float,
        maximum: float,
        *,
        decimals: int = 0,
        tip: str = "",
        limitless: str = "",
    ) -> None:
        super().__init__()
        self._minimum, self._maximum = minimum, maximum
        self.label = QLabel(text)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName(f"{name}-slider")
        self.slider.setRange(0, STEPS)
        self.slider.setMinimumWidth(60)
        self.number = _Limitless(limitless, maximum) if limitless else QDoubleSpinBox()
        self.number.setObjectName(name)
        self.number.setDecimals(decimals)
        self.number.setRange(minimum, maximum)
        self.number.setSingleStep(10.0 ** -min(decimals, 2))
        self.number.setKeyboardTracking(False)
        self.number.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        for widget in (self.label, self.slider, self.number):
            widget.setToolTip(tip)
        for field in (self.slider, self.number):
            wheel_scrolls_past(field)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.label)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.number)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self.settled)
        self.slider.valueChanged.connect(self._slid)
        self.slider.sliderReleased.connect(self._let_go)
        self.number.valueChanged.connect(self._typed)

    @property
    def value(self) -> float:
        """What it stands at."""
        return float(self.number.value())

    def show_value(self, value: float) -> None:
        """Stand at a value, unless the user is just choosing another one."""
        if self.slider.isSliderDown() or self._pause.isActive():
            return
        blockers = [QSignalBlocker(self.slider), QSignalBlocker(self.number)]
        self.number.setValue(value)
        self.slider.setValue(self._place(value))
        for blocker in blockers:
            blocker.unblock()

    def set_range(self, minimum: float, maximum: float) -> None:
        """Let it go from another value to another, unless the user is just choosing one."""
        if (minimum, maximum) == (self._minimum, self._maximum) or self.slider.isSliderDown():
            return
        self._minimum, self._maximum = minimum, maximum
        blocker = QSignalBlocker(self.number)
        self.number.setRange(minimum, maximum)
        blocker.unblock()

    def align(self, label_width: int, number_width: int) -> None:
        """Give the text and the number these widths, so that several stand below each other."""
        self.label.setFixedWidth(label_width)
        self.number.setFixedWidth(number_width)

    def _place(self, value: float) -> int:
        part = (value - self._minimum) / (self._maximum - self._minimum)
        return round(STEPS * min(max(part, 0.0), 1.0))

    def _slid(self, place: int) -> None:
        blocker = QSignalBlocker(self.number)
        self.number.setValue(self._minimum + place / STEPS * (self._maximum - self._minimum))
        blocker.unblock()
        if not self.slider.isSliderDown():
            self._pause.start()
        self.moved.emit(self.value)

    def _let_go(self) -> None:
        self._pause.stop()
        self.settled.emit()

    def _typed(self, value: float) -> None:
        blocker = QSignalBlocker(self.slider)
        self.slider.setValue(self._place(value))
        blocker.unblock()
        self.moved.emit(value)
        self._pause.start()


class _Limitless(QDoubleSpinBox):
    """A number whose maximum is no limit."""

    def __init__(self, word: str, most: float) -> None:
        super().__init__()
        self._word, self._most = word, most

    def textFromValue(self, value: float) -> str:
        """See Qt."""
        return self._word if value >= self._most else super().textFromValue(value)

    def valueFromText(self, text: str) -> float:
        """See Qt."""
        return self._most if text.strip() in ("", self._word) else super().valueFromText(text)

    def validate(self, text: str, position: int):  # type: ignore[no-untyped-def]
        """See Qt."""
        from qtpy.QtGui import QValidator

        if self._word.startswith(text.strip()):
            done = text.strip() == self._word
            state = QValidator.State.Acceptable if done else QValidator.State.Intermediate
            return state, text, position
        return super().validate(text, position)
