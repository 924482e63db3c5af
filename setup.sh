# Sourced by every run.sh. install makes .venv where missing and installs the package in it.
# Usage: install EXTRA   (EXTRA is empty, or extras of setup.py beside all, as "[test,dev]")
# What was installed of the same setup.py and constraints.txt is left alone; where only kernels changed
# since, they are compiled. Neither needs a network.
# Where the variable INSTALL_LOCK names a lock file, as in the workflows, all that is in it is installed,
# by its hash, and nothing else.
install() {
  versions >/dev/null || return
  if is_installed "${1:-}" && is_compiled; then return; fi
  if [ ! -d .venv ]; then
    "${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
      echo "error: Python 3.11 or newer is needed; name one by the variable PYTHON" >&2
      return 1
    }
    mkdir -p .venv || return
  fi
  install_alone "${1:-}" 9>>.venv/lock
}

# By what the files are, not by when they were written: clocks can be wrong.
versions() { cksum setup.py constraints.txt ${INSTALL_LOCK:+"$INSTALL_LOCK"}; }
# What was installed from a lock serves where none is asked for, too.
is_installed() {
  [[ "$(cat ".venv/installed$1" 2>/dev/null)" = "$(versions)"* ]] &&
    [[ "$(cat .venv/installed 2>/dev/null)" = "$(versions)"* ]] # not of other ones since
}
kernels() { cksum jarvis_stem/imaging/kernels/* jarvis_stem/imaging/_kernels.*.so; }
is_compiled() { [ "$(cat .venv/compiled 2>/dev/null)" = "$(kernels 2>&1)" ]; }

# Holds the lock that is open as 9 until it ends; another install waits for it. It is a shell of its own,
# for it names a compiler.
install_alone() (
  extra=$1 python=.venv/bin/python
  "${PYTHON:-python3}" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' || return
  if is_installed "$extra" && is_compiled; then return; fi
  if ! "$python" -c "import pip" 2>/dev/null; then
    "${PYTHON:-python3}" -m venv .venv || return
  fi
  # A step that fails ends it, also where a caller tests it, as install && … does.
  if is_installed "$extra"; then
    echo "Compiling the kernels" >&2
    compile_kernels || return
  else
    echo "Installing into .venv (once)" >&2
    install_packages "$extra" || return
  fi
  kernels >|.venv/compiled && versions >|".venv/installed$extra" && versions >|.venv/installed
)

# The package before most of what it needs: what compiling lacks shows at once.
install_packages() {
  if [ -n "${INSTALL_LOCK:-}" ]; then
    "$python" -m pip install --quiet --require-hashes --requirement "$INSTALL_LOCK" && compile_kernels
    return
  fi
  pinned setuptools pybind11 && compile_kernels || return
  # torchvision without its dependencies: they would replace a CPU build of torch by a CUDA one.
  pinned torch && pinned --no-deps torchvision && pinned "jarvis-stem[all${1:+,}${1//[\[\]]/}]"
}

# Without pip's warnings of what is not installed yet.
pinned() { "$python" -m pip install --quiet --no-warn-conflicts --constraint constraints.txt "$@"; }

compile_kernels() {
  find_compiler &&
    "$python" -m pip install --quiet --no-index --no-deps --no-build-isolation --editable .
}

# Where the compiler that made Python is not here another one does, else Zig's, which is a package.
find_compiler() {
  local one python_s
  if [ -n "${CXX:-}" ]; then return; fi
  python_s=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("CXX") or "c++")') || return
  for one in "${python_s%% *}" c++ g++ clang++; do
    if command -v "$one" >/dev/null; then
      if [ "$one" != "${python_s%% *}" ]; then export CXX=$one; fi
      return
    fi
  done
  if [ -n "${INSTALL_LOCK:-}" ] || ! pinned ziglang; then return; fi # setup.py says what is missing
  # For any processor of this kind, as other packages are, and without the linker's options of other ones.
  export CXX="$python -m ziglang c++ -mcpu=baseline"
  export LDCXXSHARED="$CXX -shared -s"
}

# Chromium for the tests of the pages, where the system has none and apt-get may install one.
install_browser() {
  local name
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then return; fi
  done
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "Installing Chromium (once)" >&2
    if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium >/dev/null
    then return; fi
  fi
  echo "note: no Chromium here, and it cannot be installed by this script: the tests that drive the" >&2
  echo "pages in a browser are skipped; install it (Debian: apt-get install chromium)" >&2
}
