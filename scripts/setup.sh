#!/usr/bin/env bash
# Makes .venv with what the demo needs, or brings it up to date. Does nothing if it is up to date.
#
#   [STACK=allennlp] [BIOME_PYTHON=/path/to/python3.13] scripts/setup.sh [dev]
#
# With `dev` there is also what tests, checks, documentation and benchmarks need.
# The newest supported Python is looked for in $BIOME_PYTHON, on PATH, in pyenv and in uv.
# STACK=allennlp makes .venv-allennlp with the newest Python that AllenNLP's own stack runs on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/pythons.sh

say() { printf '%s\n' "$*"; }
die() { printf 'setup.sh: %s\n' "$*" >&2; exit 1; }

case "${STACK:-}" in
    "") minors="13 12 11 10 9 8" venv=.venv ;;
    allennlp) minors="10 9 8" venv=.venv-allennlp ;;
    *) die "STACK=$STACK is not known: leave it out, or say STACK=allennlp" ;;
esac
newest="3.${minors%% *}" wanted="3.8 to 3.${minors%% *}"
stamp="$venv/biome-setup.stamp"
log="$venv/biome-setup.log"

no_python() {
    if [ -n "$lacks_venv" ]; then
        die "$lacks_venv has no venv module: install it (\`apt install python3-venv\` or the" \
            "like) or set BIOME_PYTHON=/path/to/python$newest"
    fi
    die "Python $wanted is needed and none was found: install $newest (\`pyenv install $newest\`," \
        "\`conda create -n biome python=$newest\`, \`apt install python$newest-venv\`) and put it" \
        "on PATH or set BIOME_PYTHON=/path/to/python$newest"
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

pip() { quietly "$venv/bin/python" -m pip "$@"; }

if [ -n "${BIOME_PYTHON:-}" ]; then
    usable "$BIOME_PYTHON" "$minors" || [ -n "$lacks_venv" ] ||
        die "BIOME_PYTHON=$BIOME_PYTHON is not a working Python $wanted"
    [ -n "$python" ] || no_python
fi

# The stamp is written last: a venv without one was interrupted.
files="$(cat setup.cfg setup.py pyproject.toml locks/*.txt tests/clients.txt | cksum)"
id="$(venv_id "${python:-$venv/bin/python}")"
dev="${1:-}"
if [ -x "$venv/bin/python" ] && [ "$(sed -n 1p "$stamp" 2>/dev/null)" = "$id" ]; then
    had_dev="$(sed -n 3p "$stamp")"
    [ "$(sed -n 2p "$stamp")" = "$files" ] && [ "${had_dev:-$dev}" = "$had_dev" ] && exit
    dev="${dev:-$had_dev}"
    say "Updating $venv: what is needed has changed"
    rm "$stamp"
    : >"$log"
else
    [ -n "$python" ] || find_python "$minors" || find_python_with_uv "$minors" || no_python
    say "Creating $venv with Python $("$python" -c 'import platform; print(platform.python_version())')"
    rm -rf "$venv"
    mkdir "$venv"
    quietly "$python" -m venv "$venv"
    say "Installing PyTorch, AllenNLP and what they need (some GB, a few minutes)"
fi

lock=locks/allennlp
! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || lock=locks/today
# In the environment, unlike -c, the pins hold for packages' build environments too.
export PIP_CONSTRAINT="$lock-dev.txt" PIP_DISABLE_PIP_VERSION_CHECK=1
# The pip that came with the Python may be too old for today's wheels; 25.0 is 3.8's last.
pip install 'pip<25.1' wheel
# AllenNLP's own ranges would not let its dependencies be resolved with today's.
pip install --no-deps -r "$lock${dev:+-dev}.txt"
[ -z "$dev" ] || pip install --no-deps -r tests/clients.txt
pip install --no-deps -e .
printf '%s\n' "$(venv_id "$venv/bin/python")" "$files" "$dev" >"$stamp"
say "Ready: $venv/bin/python"
