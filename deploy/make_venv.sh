#!/bin/sh
# usage: make_venv.sh FOLDER REQUIREMENT
# Makes the virtual environment FOLDER where there is none, and installs REQUIREMENT
# ("." or ".[dev]") in it, at the versions of constraints.txt. Safe to run twice at once.
set -eu

venv=$1
requirement=$2

fail() {
    printf '\n%s\n' "$@" >&2
    exit 1
}

find_python() {
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11 /usr/bin/python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail 'CityOps needs Python 3.11 or newer, and found none.' \
        'What to do: install it, or name it: PYTHON=/path/to/python3 make …'
}

has_venv() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

ensure_venv_module() {
    has_venv "$1" && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo 'Installing python3-venv, which Debian keeps apart from Python'
        export DEBIAN_FRONTEND=noninteractive
        apt-get install -y -qq python3-venv >/dev/null 2>&1 ||
            { apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; }
    fi
    has_venv "$1" || fail "$1 has no venv module." 'What to do: apt-get install python3-venv (as root)'
}

# pip takes about ten times as long as uv; it is there for when uv cannot be had.
install() {
    if "$venv/bin/python" -m pip install -q --disable-pip-version-check uv; then
        "$venv/bin/uv" pip install -q --python "$venv/bin/python" -c constraints.txt -e "$requirement" && return
        echo 'uv could not install everything; trying with pip' >&2
    fi
    "$venv/bin/python" -m pip install -q --disable-pip-version-check -c constraints.txt -e "$requirement" ||
        fail 'The Python packages could not be installed.' \
            'What to do: check the network (or PIP_INDEX_URL, UV_INDEX_URL for a mirror), then run make again.'
}

mkdir -p "$venv"
exec 9>"$venv/.setup-lock" # not .lock: uv holds that one itself
if command -v flock >/dev/null; then flock 9; fi

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    ensure_venv_module "$python"
    echo "Making $venv with $("$python" --version)"
    "$python" -m venv "$venv"
fi
echo "Installing CityOps and what it needs into $venv"
install
