#!/usr/bin/env bash
# Installs the package as its users do, without a lock, into an empty environment of each supported
# Python that is at hand, and compares what it gives with the numbers of the README.
#
#   scripts/fresh_installs.sh [3.13 ...]
#
# One environment after the other, since one takes up to 7 GB: each is removed when it was checked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/pythons.sh

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

install() {
    "$python" -m venv "$folder/venv"
    # Setuptools would install what an earlier build has left there.
    rm -rf build/lib
    # Nothing is imported but by the check: compiling it all would take a quarter of the time.
    "$folder/venv/bin/python" -m pip install --quiet --no-compile .
    if [ "$1" -ge 11 ]; then
        "$folder/venv/bin/python" -m pip install --quiet --no-compile --no-deps allennlp==2.10.1
    fi
}

installed=0
for version in "${@:-3.8 3.9 3.10 3.11 3.12 3.13}"; do
    for minor in ${version//3./}; do
        lacks_venv=
        if ! find_python "$minor"; then
            echo "Python 3.$minor: not at hand${lacks_venv:+, $lacks_venv has no venv module}"
            continue
        fi
        SECONDS=0
        install "$minor"
        "$folder/venv/bin/python" -W ignore scripts/check_install.py
        echo "  installed and checked in $SECONDS s, $(du -sm "$folder/venv" | cut -f 1) MB"
        rm -rf "$folder/venv"
        installed=$((installed + 1))
    done
done
[ "$installed" -gt 0 ] || { echo "No supported Python is at hand" >&2; exit 1; }
