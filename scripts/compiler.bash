# Sourced by scripts/compile: finds a C compiler and Python's headers, or installs them.
# shellcheck shell=bash
source scripts/system.bash

has_compiler() {
  command -v cc >/dev/null && [ -f "$("$1" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]
}

add_compiler() {
  install_packages "A C compiler is missing" gcc libc6-dev || return
  has_compiler "$1" || install_packages "Python's headers are missing" \
    "$("$1" -c 'import sys; print("python%d.%d-dev" % sys.version_info[:2])')"
}
