#!/usr/bin/env bash
# From a handful of picks to all particles of a tomogram: extract, initial model, template matching, extract.
#
#     bash examples/template_matching.sh TOMOGRAM PICKS BOX LOWEST_TILT HIGHEST_TILT FOLDER
#
# PICKS: some 50 particles, in any particle or model file. BOX: even, in voxels, about one and a half times the
# particle. Particles are dark in the tomogram.
set -euo pipefail
tomogram=$1 picks=$2 box=$3 low=$4 high=$5 folder=$6

mkdir -p "$folder"
napari-tomopick extract "$tomogram" "$picks" --box "$box" --invert --normalise box --tilt-range "$low" "$high" \
  -o "$folder/picked"
napari-tomopick initial-model "$folder/picked" -o "$folder/model.mrc"
napari-tomopick match "$tomogram" "$folder/model.mrc" --tilt-range "$low" "$high" --box "$box" \
  --scores "$folder/scores.mrc" -o "$folder/matched.star"
napari-tomopick extract "$tomogram" "$folder/matched.star" --box "$box" --invert --normalise box \
  --tilt-range "$low" "$high" -o "$folder/matched"
