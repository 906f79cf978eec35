"""One typed function per step of the workflow; the command line and the forms are made from these."""

from napari_tomopick.protocols.average import average
from napari_tomopick.protocols.bin_tomogram import bin_tomogram
from napari_tomopick.protocols.cleaning import clean_particles
from napari_tomopick.protocols.consensus import consensus
from napari_tomopick.protocols.convert import convert
from napari_tomopick.protocols.crop_points import crop_points
from napari_tomopick.protocols.doctor import doctor
from napari_tomopick.protocols.extract import extract
from napari_tomopick.protocols.import_tomograms import import_tomograms
from napari_tomopick.protocols.info import info
from napari_tomopick.protocols.initial_model import initial_model
from napari_tomopick.protocols.likeness import likeness
from napari_tomopick.protocols.match import match
from napari_tomopick.protocols.orient import orient
from napari_tomopick.protocols.pick import pick
from napari_tomopick.protocols.track import track
from napari_tomopick.protocols.train import train
from napari_tomopick.protocols.turning import turn_particles

__all__ = [
    "average",
    "bin_tomogram",
    "clean_particles",
    "consensus",
    "convert",
    "crop_points",
    "doctor",
    "extract",
    "import_tomograms",
    "info",
    "initial_model",
    "likeness",
    "match",
    "orient",
    "pick",
    "track",
    "train",
    "turn_particles",
]
