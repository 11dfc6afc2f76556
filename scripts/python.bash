# Sourced by other scripts: finds a Python and makes a virtual environment with it.
# shellcheck shell=bash
source scripts/system.bash

find_python() {
  local python
  for python in "${PYTHON:-}" python3.13 python3.12 python3.11 python3; do
    [ -n "$python" ] || continue
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  echo "Python 3.11 or newer is missing: install it, or name one with PYTHON=/path/to/python3." >&2
  return 1
}

# Prefers one that was built with optimizations, as the image's is: others are slower by a fifth, and not all code alike.
# A build says so in its configure arguments; distributions optimize theirs without a word.
find_optimized_python() {
  local python optimized='import sys, sysconfig
flagged = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
sys.exit(sys.version_info < (3, 11) or not (flagged or sys.executable.startswith("/usr/bin/")))'
  for python in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 /usr/local/bin/python3 /usr/bin/python3; do
    if [ -n "$python" ] && "$python" -c "$optimized" 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  find_python
}

# Debian and Ubuntu keep ensurepip in a package of its own, one for each version of Python.
add_ensurepip() {
  install_packages "$1 cannot make virtual environments" \
    "$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
}

# Whether the environment works and was made in this place: one that was copied runs the commands of the old place.
usable() {
  "$1/bin/python" -m pip --version >/dev/null 2>&1 && grep -qF "$PWD/$1" "$1/bin/activate"
}

# `make_environment DIR [FINDER]`: DIR is relative to the project.
make_environment() {
  local python
  python=$("${2:-find_python}")
  "$python" -c 'import ensurepip, venv' 2>/dev/null || add_ensurepip "$python"
  "$python" -m venv --clear "$1"
}

# `add_environment DIR LOCK`: DIR with what requirements/LOCK.txt locks. Quick when nothing has changed since.
add_environment() (
  exec 9<requirements # two scripts started at once must not fill it together
  if command -v flock >/dev/null; then flock 9; fi
  locked=$(cksum <"requirements/$2.txt")
  if [ "$(cat "$1/state" 2>/dev/null)" = "$locked" ]; then return; fi
  echo "Setting up $1 from requirements/$2.txt …" >&2
  usable "$1" || make_environment "$1"
  "$1/bin/python" -m pip --disable-pip-version-check --quiet install --require-hashes --requirement "requirements/$2.txt"
  echo "$locked" >"$1/state"
)
