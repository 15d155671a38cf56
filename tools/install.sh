#!/usr/bin/env bash
# tools/install.sh EXTRAS: .venv (or VENV) with PyTorch first, then restauro[EXTRAS] under constraints.txt.
#
# PyTorch comes from its CPU index unless there is an NVIDIA GPU: the default index of pip would answer with a CUDA build.
# RESTAURO_TORCH_INDEX=URL takes it from there instead; an empty value means pip's own index.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
venv=${VENV:-.venv}
cpu_index=https://download.pytorch.org/whl/cpu

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    found=$("$python" --version 2>&1) || found="none"
    echo "restauro needs Python 3.11 or newer; $python is: $found. Name another one: make PYTHON=python3.12 ..." >&2
    exit 1
}

reachable() { # a network that swallows packets must not hang us: the alarm ends even a stuck name look-up
    "$venv/bin/python" -c 'import signal, sys, urllib.request as u; signal.alarm(6); u.urlopen(sys.argv[1], timeout=5)' "$1" >/dev/null 2>&1
}

torch_index() {
    if [ -n "${RESTAURO_TORCH_INDEX+set}" ]; then
        echo "$RESTAURO_TORCH_INDEX"
    elif [ "$(uname -s)" = Linux ] && ! nvidia-smi -L >/dev/null 2>&1 && reachable "$cpu_index/torch/"; then
        echo "$cpu_index"
    fi
}

installed() { # NAME VERSION
    "$venv/bin/python" -c 'import importlib.metadata as m, sys; m.version(sys.argv[1]).startswith(sys.argv[2]) or sys.exit(1)' "$@" 2>/dev/null
}

pinned() { # NAME [OPTION...]: the version of constraints.txt, from PyTorch's index
    local pin index
    pin=$(grep "^$1==" constraints.txt)
    installed "$1" "${pin#*==}" && return
    index=$(torch_index)
    echo "Installing $pin from ${index:-the index of pip} (once; PyTorch is about 200 MB)"
    "${pip[@]}" "${@:2}" ${index:+--index-url "$index"} "$pin"
}

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip --quiet --disable-pip-version-check install)
pinned torch
case ",$1," in *,spandrel,* | *,prompts,*) pinned torchvision --no-deps ;; esac
echo "Installing restauro[$1]"
"${pip[@]}" --constraint constraints.txt --editable ".[$1]"
