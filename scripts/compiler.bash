# Sourced by scripts/compile: finds a C compiler and Python's headers, or installs them.
# shellcheck shell=bash

has_compiler() {
  command -v cc >/dev/null && [ -f "$("$1" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]
}

add_compiler() {
  local package
  package=$("$1" -c 'import sys; print("python%d.%d-dev" % sys.version_info[:2])')
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "A C compiler or Python's headers are missing: install gcc and $package (their names on Debian and Ubuntu)." >&2
    return 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null
  has_compiler "$1" || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
}
