#!/usr/bin/env bash
# Makes .venv with everything installed, or brings it up to date; does nothing where it is.
#
#   [BIOME_PYTHON=/path/to/python3.10] scripts/setup.sh
#
# Python 3.8, 3.9 or 3.10 is looked for in $BIOME_PYTHON, on PATH, in pyenv and in uv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stamp=.venv/biome-setup.stamp
log=.venv/biome-setup.log
lacks_venv=

say() { printf '%s\n' "$*"; }
die() { printf 'setup.sh: %s\n' "$*" >&2; exit 1; }

# Prints the interpreter behind $1 where it runs (a pyenv shim may exist and yet fail) and is of a
# version that AllenNLP runs on. The base one: $1 may lie in a venv, even in the one to be re-made.
usable() {
    local found
    found="$("$1" -c '
import sys
if not (3, 8) <= sys.version_info[:2] <= (3, 10):
    sys.exit(1)
print(getattr(sys, "_base_executable", sys.executable))
' 2>/dev/null </dev/null)" || return 1
    # Debian packages these two apart from Python itself.
    if ! "$found" -c 'import ensurepip, venv' 2>/dev/null; then
        lacks_venv="$found"
        return 1
    fi
    python="$found"
}

find_python() {
    local name root
    for name in python3.10 python3.9 python3.8 python3 python; do
        usable "$name" && return
    done
    root="${PYENV_ROOT:-$(pyenv root 2>/dev/null || echo "${HOME:-}/.pyenv")}"
    for name in "$root"/versions/3.10*/bin/python "$root"/versions/3.[98]*/bin/python; do
        usable "$name" && return
    done
    find_with_uv
}

# uv knows interpreters that are not on PATH and can download one. Where it cannot reach its
# downloads, it has to say so quickly.
find_with_uv() {
    local uv
    export UV_HTTP_TIMEOUT=15 UV_HTTP_CONNECT_TIMEOUT=5 UV_HTTP_RETRIES=0 UV_NO_PROGRESS=1
    uv="$(command -v uv || true)"
    if [ -z "$uv" ]; then
        uv=.cache/uv/bin/uv
        [ -x "$uv" ] || install_uv || return 1
    fi
    found_by_uv "$uv" && return
    export UV_PYTHON_INSTALL_DIR="$PWD/.cache/python" UV_PYTHON_INSTALL_BIN=0
    found_by_uv "$uv" && return
    say "Asking uv for Python 3.10"
    "$uv" python install 3.10 >/dev/null 2>&1 </dev/null || return 1
    found_by_uv "$uv"
}

found_by_uv() {
    local path
    path="$("$1" python find --system --no-project --no-python-downloads '>=3.8,<3.11' 2>/dev/null)" &&
        usable "$path"
}

install_uv() {
    local name
    for name in python3 python; do
        "$name" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || continue
        say "No Python 3.8-3.10 here; installing uv to get one"
        rm -rf .cache/uv
        "$name" -m venv .cache/uv >/dev/null 2>&1 &&
            .cache/uv/bin/python -m pip install -q --timeout 15 --retries 1 \
                --disable-pip-version-check uv >/dev/null 2>&1 && return
        rm -rf .cache/uv
        return 1
    done
    return 1
}

no_python() {
    if [ -n "$lacks_venv" ]; then
        die "$lacks_venv has no venv module: install it (\`apt install python3-venv\` or the" \
            "like) or set BIOME_PYTHON=/path/to/python3.10"
    fi
    die "AllenNLP 2.10 needs Python 3.8-3.10 and none was found: install 3.10 (\`pyenv install" \
        "3.10\`, \`conda create -n py310 python=3.10\`, \`apt install python3.10-venv\`) and put" \
        "it on PATH or set BIOME_PYTHON=/path/to/python3.10"
}

# What identifies a venv: where it lies (its scripts hold the path) and what it was made with.
venv_id() {
    say "$PWD $("$1" -c 'import sys; print(sys.version.split()[0], sys.base_prefix)' 2>/dev/null)"
}

quietly() {
    "$@" >>"$log" 2>&1 </dev/null && return
    tail -n 40 "$log" >&2
    die "failed, see the lines above and $log"
}

python=
if [ -n "${BIOME_PYTHON:-}" ]; then
    usable "$BIOME_PYTHON" || [ -n "$lacks_venv" ] ||
        die "BIOME_PYTHON=$BIOME_PYTHON is not a working Python 3.8-3.10"
    [ -n "$python" ] || no_python
fi

# The stamp is written last: a venv without one was interrupted.
files="$(cat setup.cfg setup.py pyproject.toml constraints.txt tests/clients.txt | cksum)"
id="$(venv_id "${python:-.venv/bin/python}")"
if [ -f "$stamp" ] && [ "$(head -n 1 "$stamp")" = "$id" ] && [ -x .venv/bin/python ]; then
    [ "$(tail -n 1 "$stamp")" = "$files" ] && exit
    say "Updating .venv: the requirements have changed"
    rm "$stamp"
    : >"$log"
else
    [ -n "$python" ] || find_python || no_python
    say "Creating .venv with Python $("$python" -c 'import platform; print(platform.python_version())')"
    rm -rf .venv
    mkdir .venv
    quietly "$python" -m venv .venv
    say "Installing AllenNLP and what it needs (2.7 GB, a few minutes)"
fi

# In the environment, unlike -c, the pins hold for packages' build environments too.
export PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1
# The pip that came with the Python may be too old for today's wheels; 25.0 is 3.8's last.
quietly .venv/bin/python -m pip install 'pip<25.1' wheel
quietly .venv/bin/python -m pip install -e '.[dev]'
quietly .venv/bin/python -m pip install --no-deps -r tests/clients.txt
printf '%s\n%s\n' "$(venv_id .venv/bin/python)" "$files" >"$stamp"
say "Ready: .venv/bin/python"
