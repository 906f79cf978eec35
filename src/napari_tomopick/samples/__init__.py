"""Synthetic tomograms with known truth, for the demo, the tests and the benchmarks."""

from napari_tomopick.samples.membrane import Sample, membrane_tomogram

__all__ = ["Sample", "membrane_tomogram"]
