#!/usr/bin/env bash
# Installs the package with AllenNLP and PyTorch into a Python 3.11, 3.12 or 3.13, in the versions
# that are tested. The Dockerfile runs it; it runs as well where no Docker is.
#
#   [TORCH=cpu] scripts/install.sh [/path/to/python]
#
# TORCH is what uv calls a torch backend: cpu, auto, cu130, ... Its PyTorch is from PyTorch's own
# index. Without TORCH it is PyPI's, which on Linux is made for CUDA and runs on the CPU too.
set -euo pipefail
# Asked before `cd`, since its path may be relative.
python="$("${1:-python3}" -c 'import sys
(3, 11) <= sys.version_info[:2] <= (3, 13) and print(sys.executable)' 2>/dev/null || true)"
if [ -z "$python" ]; then
    echo "install.sh: ${1:-python3} is not Python 3.11, 3.12 or 3.13: give the path of one" >&2
    exit 1
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

"$python" -m pip install --quiet uv
# Each PyTorch names the CUDA libraries that it needs.
grep -vE '^(cuda|nvidia)-' locks/today.txt |
    "$python" -m uv pip install --python "$python" ${TORCH:+--torch-backend "$TORCH"} -c - .
"$python" -m uv pip install --python "$python" --no-deps allennlp==2.10.1
"$python" -W ignore scripts/check_install.py
