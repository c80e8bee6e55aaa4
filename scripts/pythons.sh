# shellcheck shell=bash
# Finds Pythons on this machine. Sourced by the scripts beside it.

# The last interpreter that was found.
python=
# One that was found and lacks the module `venv`.
lacks_venv=

# Sets `python` to the interpreter behind $1 where it runs (a pyenv shim may exist and yet fail) and
# its version is one of 3.$2, a list of numbers. The base one: $1 may lie in a venv.
usable() {
    local found
    found="$("$1" -c '
import sys
if sys.version_info[0] != 3 or str(sys.version_info[1]) not in sys.argv[1].split():
    sys.exit(1)
print(getattr(sys, "_base_executable", sys.executable))
' "$2" 2>/dev/null </dev/null)" || return 1
    # Debian packages these two apart from Python itself.
    if ! "$found" -c 'import ensurepip, venv' 2>/dev/null; then
        lacks_venv="$found"
        return 1
    fi
    python="$found"
}

# Sets `python` to the first of the versions 3.$1 that is on PATH or in pyenv.
find_python() {
    local minor name root
    root="${PYENV_ROOT:-$(pyenv root 2>/dev/null || echo "${HOME:-}/.pyenv")}"
    for minor in $1; do
        for name in "python3.$minor" "$root/versions/3.$minor".*/bin/python; do
            usable "$name" "$minor" && return
        done
    done
    usable python3 "$1" || usable python "$1"
}

# The same with uv, which knows more places and can download one. Where it cannot reach its
# downloads, it has to say so quickly.
find_python_with_uv() {
    local uv newest="3.${1%% *}"
    export UV_HTTP_TIMEOUT=15 UV_HTTP_CONNECT_TIMEOUT=5 UV_HTTP_RETRIES=0 UV_NO_PROGRESS=1
    uv="$(command -v uv || true)"
    if [ -z "$uv" ]; then
        uv=.cache/uv/bin/uv
        [ -x "$uv" ] || install_uv || return 1
    fi
    found_by_uv "$uv" "$1" && return
    export UV_PYTHON_INSTALL_DIR="$PWD/.cache/python" UV_PYTHON_INSTALL_BIN=0
    found_by_uv "$uv" "$1" && return
    echo "Asking uv for Python $newest"
    "$uv" python install "$newest" >/dev/null 2>&1 </dev/null || return 1
    found_by_uv "$uv" "$1"
}

found_by_uv() {
    local path
    path="$("$1" python find --system --no-project --no-python-downloads \
        ">=3.8,<3.$((${2%% *} + 1))" 2>/dev/null)" && usable "$path" "$2"
}

install_uv() {
    local name
    for name in python3 python; do
        "$name" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || continue
        echo "No fitting Python here; installing uv to get one"
        rm -rf .cache/uv
        "$name" -m venv .cache/uv >/dev/null 2>&1 &&
            .cache/uv/bin/python -m pip install -q --timeout 15 --retries 1 \
                --disable-pip-version-check uv >/dev/null 2>&1 && return
        rm -rf .cache/uv
        return 1
    done
    return 1
}
