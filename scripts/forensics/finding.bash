# Sourced by scripts/fase_0_5_forensic_canonical.sh: finds what runs, and which part of it is which.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what the script and the other file set and use

# Every call of the engine has an end, for a container that hangs must not hold up the baseline.
engine() { timeout --foreground 60 docker "$@"; }
inside() { engine exec "$@"; }
compose_now() { timeout --foreground 120 "${compose_command[@]}" "$@"; }
setting() { inside "$1" printenv "$2" 2>/dev/null || true; }

make_folder() {
  local wanted=docs/audit/fase_0_5_$timestamp number=1
  if [ -n "$folder" ]; then
    mkdir -p "$folder"
    [ -z "$(ls -A "$folder")" ] || wrong "$folder is not empty."
    return
  fi
  mkdir -p docs/audit
  folder=$PWD/$wanted
  until mkdir "$folder" 2>/dev/null; do # another run may have begun in the same second
    number=$((number + 1))
    [ "$number" -le 100 ] || wrong "docs/audit can't be written to."
    folder=$PWD/$wanted-$number
  done
}

# Sets `containers`, a line each: service, number, whether it runs, id; `running` by service; `stack` and `why_not`.
find_stack() {
  declare -gA running=()
  containers="" services="" stack="not running" why_not="" project=${COMPOSE_PROJECT_NAME:-}
  COMPOSE_FILE=$(whole_paths "${COMPOSE_FILE:-examples/vx11/compose.yaml}")
  export COMPOSE_FILE
  if ! find_compose 2>/dev/null; then why_not="neither docker compose nor docker-compose is there"; return; fi
  services=$(compose_now config --services 2>/dev/null) || { why_not="compose can't read $COMPOSE_FILE"; return; }
  if ! engine info >/dev/null 2>&1; then why_not="no container engine answers docker"; return; fi
  find_containers
  local service up=0 count=0
  for service in $services; do
    count=$((count + 1))
    if [ -n "${running[$service]:-}" ]; then up=$((up + 1)); fi
  done
  if [ "$up" = 0 ]; then why_not="no container of it runs"; return; fi
  if [ "$up" = "$count" ]; then stack=running; else stack="partly running"; fi
}

find_containers() {
  local ids service number up id name form tab='{{"\t"}}' label='index .Config.Labels "com.docker.compose'
  form="{{$label.service\"}}$tab{{$label.container-number\"}}$tab{{.State.Running}}$tab{{.Id}}$tab{{$label.project\"}}"
  mapfile -t ids < <(compose_now ps --all --quiet 2>/dev/null)
  [ ${#ids[@]} -gt 0 ] || return 0
  containers=$(engine inspect --format "$form" "${ids[@]}" 2>/dev/null) || true # one may have gone since
  while IFS=$'\t' read -r service number up id name; do
    project=$name
    if [ "$up" = true ] && [ -z "${running[$service]:-}" ]; then running[$service]=$id; fi
  done <<<"$containers"
}

# Sets the services that are `gateway`, `backend` and `keeper` of the database, empty where there is none.
find_roles() {
  local service address
  gateway="" backend="" keeper="" database="" token_source=""
  for service in $services; do
    local id=${running[$service]:-}
    if [ -z "$id" ]; then continue; fi
    if [ -z "$gateway" ] && [ -n "$(setting "$id" TENTACULO_CONFIG)" ]; then gateway=$service; fi
    if [ -z "$backend" ] && [[ $service == *operator* ]]; then backend=$service; fi
    find_database "$service" "$id"
  done
  if [ -n "$gateway" ]; then # it knows best who its operator is
    address=$(setting "${running[$gateway]}" OPERATOR_ADDRESS)
    if [ -n "${address%%:*}" ] && [ -n "${running[${address%%:*}]:-}" ]; then backend=${address%%:*}; fi
  fi
  if [ -z "${running[*]}" ] && [ -f "${HERMES_DB:-data/runtime/vx11.db}" ]; then
    database=$(realpath -- "${HERMES_DB:-data/runtime/vx11.db}")
  fi
  find_token
}

find_database() {
  local path
  [ -z "$keeper" ] || return 0
  path=$(setting "$2" HERMES_DB) # the image sets it for all services, but one of them has the file
  if [ -n "$path" ] && inside "$2" test -f "$path" 2>/dev/null; then keeper=$1 database=$path; fi
}

find_token() {
  if [ -n "${VX11_TOKEN_FILE:-}" ]; then
    token_source=file:$VX11_TOKEN_FILE
  elif [ -n "${VX11_TOKEN:-}" ]; then
    token_source=environment:VX11_TOKEN
  elif [ -n "$backend" ]; then
    local id=${running[$backend]} path
    path=$(setting "$id" VX11_TOKEN_FILE)
    if [ -n "$path" ]; then
      token_source=container:$backend:$path
    elif [ -n "$(setting "$id" VX11_TOKEN)" ]; then
      token_source=container-environment:$backend:VX11_TOKEN
    fi
  fi
}

# Copies what is to stand nowhere out of the containers, for it is looked for by value.
read_secrets() {
  local service number up id path name
  while IFS=$'\t' read -r service number up id _; do
    [ -n "$id" ] || continue
    name=$work/secrets/$service-$number
    engine inspect --format '{{json .Config.Env}}' "$id" >"$name.environ"
    copy_secret "$id" /run/secrets "$name" || unread "$service" /run/secrets
    while read -r path; do
      copy_secret "$id" "$path" "$name-$(cksum <<<"$path" | cut -d ' ' -f 1)" || unread "$service" "$path"
    done < <(grep -oE '"[A-Za-z0-9_]*(TOKEN|PASSWORD|SECRET|KEY)_FILE=[^"]+' "$name.environ" | cut -d = -f 2-)
  done <<<"$containers"
}

copy_secret() {
  engine cp --follow-link "$1:$2" "$3" >/dev/null 2>"$work/errors" || grep -qiE 'could not find|no such' "$work/errors"
}

unread() { told failed "secrets-of-$1" "Secrets of $1" "$2 can't be read, so nothing shows that they are nowhere"; }

whole_paths() {
  local path paths=()
  while read -r -d : path; do paths+=("$(realpath --canonicalize-missing -- "$path")"); done <<<"$1:"
  (IFS=:; echo "${paths[*]}")
}
