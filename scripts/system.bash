# Sourced by scripts/test: installs commands that come with the system and not with Python.
# shellcheck shell=bash

# `add_packages NEED…`: a need is a Debian package that has a command of its own name, or COMMAND=PACKAGE.
# Does nothing when every command is there.
add_packages() {
  local need missing=()
  for need; do
    command -v "${need%%=*}" >/dev/null || missing+=("${need#*=}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not installed: ${missing[*]} (the names on Debian and Ubuntu). Install them, or run this as root." >&2
    return 1
  fi
  echo "Installing ${missing[*]} …" >&2
  # Callers may go on without, so nothing here may count on `set -e`.
  apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
