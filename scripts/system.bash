# Sourced by other scripts: installs what comes with the system and not with Python.
# shellcheck shell=bash

# `install_packages WHAT PACKAGE…`: WHAT begins the sentence for those who may not install.
install_packages() {
  local what=$1; shift
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "$what: install $* (the names on Debian and Ubuntu), or run this as root." >&2
    return 1
  fi
  echo "Installing $* …" >&2
  # Callers may go on without, so nothing here may count on `set -e`.
  apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# `add_commands NEED…`: a need is a Debian package that has a command of its own name, or COMMAND=PACKAGE.
# Does nothing when every command is there.
add_commands() {
  local need missing=()
  for need; do
    command -v "${need%%=*}" >/dev/null || missing+=("${need#*=}")
  done
  [ ${#missing[@]} = 0 ] || install_packages "Some tests need more" "${missing[@]}"
}
