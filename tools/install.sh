#!/usr/bin/env bash
# tools/install.sh EXTRAS: .venv with PyTorch first, then restauro[EXTRAS] under constraints.txt.
#
# PyTorch comes from its CPU index unless there is an NVIDIA GPU: the default index of pip would answer with a CUDA build.
# RESTAURO_TORCH_INDEX=URL takes it from there instead; an empty value means pip's own index.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
cpu_index=https://download.pytorch.org/whl/cpu

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    found=$("$python" --version 2>&1) || found="none"
    echo "restauro needs Python 3.11 or newer; $python is: $found. Name another one: make PYTHON=python3.12 ..." >&2
    exit 1
}

reachable() { # a network that swallows packets must not hang us: the alarm ends even a stuck name look-up
    .venv/bin/python -c 'import signal, sys, urllib.request as u; signal.alarm(6); u.urlopen(sys.argv[1], timeout=5)' "$1" >/dev/null 2>&1
}

torch_index() {
    if [ -n "${RESTAURO_TORCH_INDEX+set}" ]; then
        echo "$RESTAURO_TORCH_INDEX"
    elif [ "$(uname -s)" = Linux ] && ! nvidia-smi -L >/dev/null 2>&1 && reachable "$cpu_index/torch/"; then
        echo "$cpu_index"
    fi
}

[ -x .venv/bin/python ] || "$python" -m venv .venv
pip=(.venv/bin/python -m pip --quiet --disable-pip-version-check install)
torch=$(grep '^torch==' constraints.txt)
if ! .venv/bin/python -c 'import importlib.metadata as m, sys; m.version("torch").startswith(sys.argv[1]) or sys.exit(1)' "${torch#*==}" 2>/dev/null; then
    index=$(torch_index)
    echo "Installing PyTorch from ${index:-the index of pip} (once, about 200 MB)"
    "${pip[@]}" ${index:+--index-url "$index"} "$torch"
fi
echo "Installing restauro[$1]"
"${pip[@]}" --constraint constraints.txt --editable ".[$1]"
