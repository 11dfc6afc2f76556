# Sourced by scripts that run the containers of examples/vx11: `compose ARGUMENT…` is docker compose on them.
# shellcheck shell=bash

# Sets `compose_command`; where neither form is there, says so and fails.
find_compose() {
  if docker compose version >/dev/null 2>&1; then
    compose_command=(docker compose)
  elif command -v docker-compose >/dev/null; then
    compose_command=(docker-compose)
  else
    echo "Neither docker compose nor docker-compose is there: install one of them." >&2
    return 1
  fi
}

# The folder of this file's parent is the project's. COMPOSE_FILE names others, joined by colons, as compose has it.
compose() {
  [ -n "${compose_command:-}" ] || find_compose || return
  COMPOSE_FILE=${COMPOSE_FILE:-$(dirname "${BASH_SOURCE[0]}")/../examples/vx11/compose.yaml} "${compose_command[@]}" "$@"
}
