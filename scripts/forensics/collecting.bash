# Sourced by scripts/fase_0_5_forensic_canonical.sh: collects the items of a baseline, unredacted, in $work.
# shellcheck shell=bash
# shellcheck disable=SC2154 # what the script and finding.bash set

# `item NAME KIND TITLE COMMAND…`: what the command prints is the item. It failed where the command did; after exit
# code 3 it is not there. The last line on stderr says why.
item() {
  local name=$1 kind=$2 title=$3 state=there note="" code=0
  shift 3
  mkdir -p "$(dirname "$work/items/$name")"
  "$@" >"$work/items/$name" 2>"$work/errors" || code=$?
  if [ "$code" != 0 ]; then
    state=failed note=$(grep -v '^ *$' "$work/errors" | tail -n 1) || true # it may have said nothing
    note=${note:-it ended with exit code $code}
  fi
  if [ "$code" = 3 ]; then state="not there"; fi
  enlist "$name" "$kind" "$state" "$title" "${note:-${remark:-}}"
}

missing() { enlist "$1" text "not there" "$2" "$3"; }
# `told STATE NAME TITLE NOTE`: an item that is no more than a sentence.
told() { enlist "$2" text "$1" "$3" "$4"; }
enlist() {
  local field fields=()
  for field; do fields+=("${field//[$'\t\n\r']/ }"); done
  (IFS=$'\t'; echo "${fields[*]}") >>"$work/items.tsv"
}
variable() { printf '%s=%s\0' "$1" "$2" >>"$work/variables"; }

keep_found() {
  variable BASELINE_TIMESTAMP "$timestamp"
  variable BASELINE_FOLDER "$folder"
  variable BASELINE_STACK "$stack"
  variable BASELINE_GATEWAY_SERVICE "$gateway"
  variable BASELINE_BACKEND_SERVICE "$backend"
  variable BASELINE_DATABASE_SERVICE "$keeper"
  variable BASELINE_DATABASE "$database"
  variable BASELINE_TOKEN_SOURCE "$token_source"
  variable BASELINE_COMPOSE_COMMAND "${compose_command[*]:-}"
  variable COMPOSE_FILE "$COMPOSE_FILE"
  if [ -n "$project" ]; then variable COMPOSE_PROJECT_NAME "$project"; fi
  if [ "$stack" = running ]; then told there stack "Stack" "running as $project"
  elif [ "$stack" = "partly running" ]; then told there stack "Stack" "partly running as $project"
  else told "not there" stack "Stack" "not running: $why_not"; fi
  if [ -n "$backend" ]; then told there backend "Backend" "the service $backend"
  else told "not there" backend "Backend" "no operator runs in a container"; fi
  if [ -n "$token_source" ]; then told there token-source "Token source" "$token_source"
  else told "not there" token-source "Token source" "neither VX11_TOKEN_FILE nor VX11_TOKEN is set, and no operator's container has one"; fi
}

collect_compose() {
  if [ -n "${compose_command:-}" ]; then
    item compose.yaml yaml "Rendered compose" compose_now config
  else
    missing compose.yaml "Rendered compose" "$why_not"
  fi
}

collect_services() {
  local service number id name
  if [ -z "$containers" ]; then
    item services.txt text "Service state" local_services
    missing logs "Log tails" "no container is there; scripts/run writes its log to its terminal"
    return
  fi
  item services.txt text "Service state" container_states
  while IFS=$'\t' read -r service number _ id _; do
    name=$service
    if [ "$number" != 1 ]; then name=$service-$number; fi
    item "logs/$name.log" log "Log tail of $name" last_lines "$id"
  done <<<"$containers"
}

last_lines() { engine logs --tail 200 "$1" 2>&1; }

container_states() {
  local form tab='{{"\t"}}' health='{{with index .State "Health"}}{{.Status}}{{else}}none{{end}}'
  form="{{index .Config.Labels \"com.docker.compose.service\"}}$tab{{.State.Status}}$tab$health$tab{{.RestartCount}}"
  form+="$tab{{.State.ExitCode}}$tab{{.State.OOMKilled}}$tab{{.State.StartedAt}}$tab{{.Config.Image}}$tab{{.Image}}$tab{{.Id}}"
  printf 'service\tstate\thealth\trestarts\texit code\tout of memory\tstarted\timage\timage id\tcontainer\n'
  cut -f 4 <<<"$containers" | xargs timeout --foreground 60 docker inspect --format "$form" || return
  echo
  compose_now ps --all
}

# What scripts/run starts is one process on ports of its own.
local_services() {
  local entry name address answer answers=0
  for entry in "gateway ${TENTACULO_LISTEN:-127.0.0.1:8000}" "madre ${MADRE_ADDRESS:-127.0.0.1:8001}" \
    "switch ${SWITCH_ADDRESS:-127.0.0.1:8002}" "hermes ${HERMES_ADDRESS:-127.0.0.1:8003}" \
    "operator-backend ${OPERATOR_ADDRESS:-127.0.0.1:8011}" "frontend ${FRONTEND_ADDRESS:-127.0.0.1:8020}"; do
    read -r name address <<<"$entry"
    if answer=$(health_of "${address%:*}" "${address##*:}"); then answers=$((answers + 1)); else answer="no answer"; fi
    printf '%s\t%s\t%s\n' "$name" "$address" "${answer%$'\r'}"
  done
  if [ "$answers" = 0 ]; then
    echo "not running: ${why_not:-nothing runs in containers}, and nothing answers on the ports of scripts/run" >&2
    return 3
  fi
}

health_of() {
  # shellcheck disable=SC2016 # for the inner shell
  timeout 3 bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf "GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n" >&3 && head -n 1 <&3' \
    health_of "$1" "$2" 2>/dev/null | grep .
}

collect_gateway() {
  local id remark=""
  if [ -z "$gateway" ]; then
    remark="of the checkout's configuration, for no gateway runs in a container"
    item openapi.json json "OpenAPI of the gateway's own endpoints" of_checkout openapi
    item routes.txt text "Routes" of_checkout routes
    missing configuration.json "Configuration in effect" "no gateway runs in a container"
    return
  fi
  id=${running[$gateway]}
  variable BASELINE_GATEWAY_CONTAINER "$id"
  variable BASELINE_GATEWAY_ADDRESS "$(engine port "$id" 8000 2>/dev/null | head -n 1)"
  if inside "$id" tentaculo openapi --help >/dev/null 2>&1; then
    item openapi.json json "OpenAPI of the gateway's own endpoints" inside "$id" tentaculo openapi
  else
    remark="of the checkout's configuration, for the gateway that runs is older"
    item openapi.json json "OpenAPI of the gateway's own endpoints" of_checkout openapi
    remark=""
  fi
  item routes.txt text "Routes" inside "$id" tentaculo routes
  item configuration.json figures "Configuration in effect" inside -i "$id" python3 - <scripts/forensics/outline.py
}

# A placeholder stands for a token that is not set here: neither command shows one.
of_checkout() {
  local file=${TENTACULO_CONFIG:-config/vx11.yaml} command=$1
  (
    if [ -z "${VX11_TOKEN:-}${VX11_TOKEN_FILE:-}" ]; then export VX11_TOKEN=placeholder-of-a-token; fi
    if [ -z "${TENTACULO_ADMIN_TOKEN:-}${TENTACULO_ADMIN_TOKEN_FILE:-}" ]; then
      export TENTACULO_ADMIN_TOKEN=placeholder-of-another
    fi
    "$python" -m tentaculo "$command" "$file"
  )
}

collect_database() {
  local title="SQLite quick_check and integrity_check"
  if [ -n "$keeper" ]; then
    item database.json json "$title" inside -i "${running[$keeper]}" python3 - "$database" <scripts/forensics/database.py
  elif [ -n "$database" ]; then
    item database.json json "$title" "$python" scripts/forensics/database.py "$database"
  else
    missing database.json "$title" "no running container has one, and there is no ${HERMES_DB:-data/runtime/vx11.db}"
  fi
}

collect_code() {
  if ! git rev-parse HEAD >/dev/null 2>&1; then
    missing revision.txt "Revision" "this is no git checkout"
    missing core-files.sha256 "SHA-256 of core files" "this is no git checkout"
    return
  fi
  item revision.txt text "Revision" revision
  item core-files.sha256 figures "SHA-256 of core files" core_files
  variable BASELINE_REVISION "$(git rev-parse HEAD)"
}

revision() {
  local changed
  git rev-parse HEAD || return
  changed=$(GIT_OPTIONAL_LOCKS=0 git status --porcelain) || return
  if [ -z "$changed" ]; then echo "clean"; else printf 'dirty:\n%s\n' "$changed"; fi
}

core_files() {
  local file
  git ls-files -z -- tentaculo config examples/vx11 scripts Dockerfile setup.cfg |
    while IFS= read -r -d '' file; do
      if [ -f "$file" ]; then sha256sum -- "$file" || exit; else echo "# deleted: $file"; fi
    done
}

collect_tests() {
  case $tests in
  run) item tests.txt text "Tests (run)" run_tests ;;
  count) item tests.txt text "Tests (counted, not run)" count_tests ;;
  *) missing tests.txt "Tests" "left out with --no-tests" ;;
  esac
}

run_tests() {
  local code=0
  "$PWD/scripts/test" >"$work/tests" 2>&1 || code=$?
  tail -n 60 "$work/tests"
  return "$code"
}

count_tests() {
  "$python" -c 'import pytest' 2>/dev/null || { echo "pytest is not in .venv: scripts/setup dev puts it there" >&2; return 3; }
  "$python" -m pytest --collect-only --quiet -p no:cacheprovider >"$work/tests" 2>&1 || { tail -n 1 "$work/tests" >&2; return 1; }
  tail -n 1 "$work/tests"
}

versions() {
  uname -srm
  bash --version | head -n 1
  git --version 2>&1 || true
  "$python" --version
  if command -v docker >/dev/null; then engine version --format 'docker {{.Client.Version}}, engine {{.Server.Version}}' 2>/dev/null || true; fi
  if [ -n "${compose_command:-}" ]; then echo "${compose_command[*]} $(compose_now version --short 2>/dev/null)"; fi
  echo "checkout: $("$python" -m tentaculo --version)"
  if [ -n "$gateway" ]; then echo "gateway that runs: $(inside "${running[$gateway]}" tentaculo --version)"; fi
}
