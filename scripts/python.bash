# Sourced by scripts/setup: finds a Python and makes a virtual environment with it.
# shellcheck shell=bash

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

# Debian and Ubuntu keep ensurepip in a package of its own, one for each version of Python.
add_ensurepip() {
  local package
  package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "$1 cannot make virtual environments: install $package (its name on Debian and Ubuntu)." >&2
    return 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
}

# Whether the environment works and was made in this place: one that was copied runs the commands of the old place.
usable() {
  "$1/bin/python" -m pip --version >/dev/null 2>&1 && grep -qF "$PWD/$1" "$1/bin/activate"
}

make_environment() {
  local python
  python=$(find_python)
  "$python" -c 'import ensurepip, venv' 2>/dev/null || add_ensurepip "$python"
  "$python" -m venv --clear "$1"
}
