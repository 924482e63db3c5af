# Sourced by run.sh and tests/run.sh: makes .venv where missing and installs the package into it.
# Usage: install EXTRA   (EXTRA is empty, or one of setup.py's extras, for example "[test]")
install() {
  local extra=${1:-} python=.venv/bin/python
  if [ ! -x "$python" ]; then
    "${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
      echo "error: Python 3.11 or newer is needed; name one with PYTHON=… bash $0" >&2
      return 1
    }
    "${PYTHON:-python3}" -m venv .venv
  fi
  # torchvision first and alone: with its dependencies pip would fetch a CUDA build of torch where
  # a CPU build of the same version is at hand.
  "$python" -m pip install --quiet --constraint constraints.txt torch
  "$python" -m pip install --quiet --constraint constraints.txt --no-deps torchvision
  "$python" -m pip install --quiet --constraint constraints.txt --editable ".$extra"
}
