"""pytme on the scene of `matching.py`; run by an interpreter that has pytme, with nothing of ours.

    python matching_peer.py FOLDER THREADS COUNT [COUNT ...]

FOLDER holds volume.npy, template.npy, mask.npy and matrices.npy (reference frame to tomogram frame, x, y, z;
the template is turned about its middle voxel, so its box is odd). It searches with the first COUNT of the
matrices, for every COUNT, and prints the seconds of each as JSON. Scores of the last are left in
peer_scores.npy, where the template's middle is on the voxel.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np


def search(folder: Path, threads: int, count: int) -> tuple[float, np.ndarray]:
    """Seconds, and the highest score at every voxel."""
    from tme.analyzer import MaxScoreOverRotations
    from tme.backends import backend
    from tme.matching_data import MatchingData
    from tme.matching_exhaustive import MATCHING_EXHAUSTIVE_REGISTER, match_exhaustive

    backend.change_backend("numpyfftw")
    volume, template, mask = (np.load(folder / f"{n}.npy") for n in ("volume", "template", "mask"))
    # it samples the template at M o, o being z, y, x from the middle; we at R^T o, x, y, z
    matrices = np.swapaxes(np.load(folder / "matrices.npy")[:count], 1, 2)[:, ::-1, ::-1]
    start = time.perf_counter()
    data = MatchingData(target=volume, template=template, template_mask=mask)
    data.rotations = np.ascontiguousarray(matrices, np.float32)
    setup, score = MATCHING_EXHAUSTIVE_REGISTER["FLCSphericalMask"]
    found = match_exhaustive(
        matching_data=data,
        matching_score=score,
        matching_setup=setup,
        callback_class=MaxScoreOverRotations,
        callback_class_args={"score_threshold": -1},
        job_schedule=(1, threads),
        interpolation_order=3,
    )
    return time.perf_counter() - start, np.asarray(found[0])


def main() -> None:
    warnings.simplefilter("ignore")
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    seconds = []
    for count in map(int, sys.argv[3:]):
        took, scores = search(folder, threads, count)
        seconds.append(took)
    np.save(folder / "peer_scores.npy", scores.astype(np.float32))
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
