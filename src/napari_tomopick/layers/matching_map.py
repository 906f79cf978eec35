"""The scores of a template as an image over the tomogram, for whoever wants to see them."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_tomopick.layers.boxing_map import ScoreLayer

USUAL = 1.5  # robust standard deviations
HIGH = 99.5  # percent


class MatchLayer(ScoreLayer):
    """Shows the score map of what was matched in the shown tomogram, an `Outcome`."""

    name = "template scores"

    def show(self, scored: Any) -> None:
        """Show the map of an outcome, or nothing; where only its threshold is another one, it stays."""
        before = self._scored
        same = scored is not None and before is not None and scored.matched is before.matched
        super().show(before if same else scored)

    def _map_of(self, scored: Any) -> tuple[Any, Any, tuple[float, float], int]:
        values = scored.matched.found.score_map
        # what is usual is not drawn: only what stands out
        middle = float(np.median(values))
        low = middle + USUAL * 1.4826 * float(np.median(np.abs(values - middle)))
        # gold, which is set aside, may score higher than any particle
        high = float(np.percentile(values, HIGH))
        return values, scored.matched.found.grid, (low, max(high, low + 1e-6)), scored.matched.first_section
