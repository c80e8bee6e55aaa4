#!/usr/bin/env bash
# Trains configs/sst2_bilstm.jsonnet and puts the archive under fixtures/, in about a minute.
#
#   BIOME_INTERPRET_DATA=/path/to/data scripts/train_fixture.sh [ARCHIVE]
#
# BIOME_INTERPRET_DATA is the folder that holds sst2/train.jsonl and sst2/dev.jsonl.
# ARCHIVE is fixtures/sst2_bilstm/model.tar.gz where not given; PYTHON names the interpreter.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
archive="${1:-$root/fixtures/sst2_bilstm/model.tar.gz}"
python="${PYTHON:-python}"

if [ ! -f "${BIOME_INTERPRET_DATA:-}/sst2/train.jsonl" ]; then
    echo "BIOME_INTERPRET_DATA does not name a folder with sst2/train.jsonl in it" >&2
    exit 1
fi

mkdir -p "$(dirname "$archive")"
archive="$(cd "$(dirname "$archive")" && pwd)/$(basename "$archive")"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# The labels by name: what the model says is to be understood without a key.
mkdir -p "$work/sst2"
for part in train dev; do
    sed -e 's/"label": "1"}$/"label": "positive"}/' -e 's/"label": "0"}$/"label": "negative"}/' \
        "$BIOME_INTERPRET_DATA/sst2/$part.jsonl" >"$work/sst2/$part.jsonl"
done

# AllenNLP writes the paths of the data into the archive. Run from their folder, they are
# ./sst2/train.jsonl and ./sst2/dev.jsonl, and say nothing of this machine.
cd "$work"
BIOME_INTERPRET_DATA=. "$python" -m allennlp train "$root/configs/sst2_bilstm.jsonnet" \
    --serialization-dir "$work/run" --file-friendly-logging

cp "$work/run/model.tar.gz" "$archive"
grep '"best_validation_accuracy"' "$work/run/metrics.json"
ls -l "$archive"
