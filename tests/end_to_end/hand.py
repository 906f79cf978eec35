"""A hand on the mouse and the keyboard (xdotool), and an eye on what the window says of itself."""

import json
import subprocess
import time


class Hand:
    """Drives the window that `watched_window.py` opened, by real events of the X server."""

    def __init__(self, state_file, process):
        self._file = state_file
        self._process = process

    def state(self):
        return json.loads(self._file.read_text())

    def until(self, condition, what, timeout=60.0):
        """Wait until the state satisfies a condition, and return it."""
        end = time.monotonic() + timeout
        state = None
        while time.monotonic() < end:
            assert self._process.poll() is None, f"the window closed while waiting for {what}"
            if self._file.exists():
                state = self.state()
                if condition(state):
                    return state
            time.sleep(0.05)
        state = state or {}
        report = state.get("widgets", {}).get("step-report", {}).get("text")
        kept = {key: state.get(key) for key in ("slice", "sets", "results")}
        kept["points"] = {name: len(model["points"]) for name, model in state.get("models", {}).items()}
        raise AssertionError(f"waited {timeout} s for {what}; the window says {report!r}, {kept}")

    def fresh(self):
        """Return a state written after this call."""
        before = self._file.stat().st_mtime_ns
        while self._file.stat().st_mtime_ns <= before:
            time.sleep(0.02)
        before = self._file.stat().st_mtime_ns
        while self._file.stat().st_mtime_ns <= before:
            time.sleep(0.02)
        return self.state()

    def do(self, *words):
        subprocess.run(["xdotool", *map(str, words)], check=True)

    def point_at(self, x, y):
        """Move the mouse to a place on the screen."""
        place = subprocess.check_output(["xdotool", "getmouselocation", "--shell"], text=True).split()
        # where the mouse is there already, xdotool would wait 15 s for it to move
        if place[:2] != [f"X={round(x)}", f"Y={round(y)}"]:
            self.do("mousemove", "--sync", round(x), round(y))

    def click(self, name):
        """Click the middle of a widget, or of a tab, once it stands still."""

        def place(seen):
            return seen["tabs"].get(name) or seen["widgets"].get(name, {}).get("at")

        self.until(place, f"{name} to be in sight")
        before = None
        while before is None or before != place(self.fresh()):
            before = place(self.state())
        x, y, width, height = before
        self.point_at(x + width / 2, y + height / 2)
        self.do("click", 1)

    def choose(self, name, text):
        """Choose an entry of a combo box by typing its first letters."""
        self.click(name)
        time.sleep(0.3)
        self.do("type", "--delay", 30, text)
        self.do("key", "Return")
        time.sleep(0.2)

    def key(self, *keys):
        self.do("key", "--delay", 40, *keys)

    def go_to_slice(self, z):
        """Step to a slice with the arrow keys, the mouse being over the canvas."""
        now = self.fresh()["slice"]
        if z != now:
            self.do("key", "--delay", 25, "--repeat", abs(z - now), "Right" if z > now else "Left")
        self.until(lambda s: s["slice"] == z, f"slice {z}")

    def over(self, position, seen=None):
        """Move the mouse over a voxel of the shown slice, x, y; where it was seen, if nothing moved since."""
        seen = seen or self.fresh()
        zero, scale = seen["zero"], seen["pixels_per_voxel"]
        self.point_at(zero[0] + position[0] * scale[0], zero[1] + position[1] * scale[1])
