#!/usr/bin/env bash
# Takes a baseline before a change: what runs, on what configuration, with what code, and how its data are. It finds
# compose file, services, database and token source by itself, changes nothing, and writes no secret.
set -euo pipefail
umask 077
origin=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/compose.bash
source scripts/forensics/collecting.bash
source scripts/forensics/finding.bash

usage() {
  cat <<'USAGE'
usage: scripts/fase_0_5_forensic_canonical.sh [--output FOLDER] [--tests | --no-tests]

Writes a baseline of the stack and the checkout to docs/audit/fase_0_5_TIMESTAMP (UTC), or to FOLDER, which must be new
or empty. INDEX.md and MANIFEST.json there list each item, whether it is there or why not, and its SHA-256; VARS.env
says what was found, for scripts to source. COMPOSE_FILE and COMPOSE_PROJECT_NAME name another stack than that of
examples/vx11/compose.yaml. Works without a running stack too, and then says what is missing.

  --output FOLDER   where to write
  --tests           run scripts/test, and keep what it counted; else tests are counted and not run
  --no-tests        do not even count them

Exit codes: 0 all is there that can be, 1 something failed that should work, 2 wrong usage.
USAGE
}
wrong() { echo "fase_0_5_forensic_canonical.sh: $*" >&2; exit 2; }

folder="" tests=count
while [ $# -gt 0 ]; do
  case $1 in
  -h | --help) usage; exit ;;
  --output) [ -n "${2:-}" ] || wrong "--output needs a folder."; folder=$(cd "$origin" && realpath --canonicalize-missing -- "$2"); shift ;;
  --tests) tests=run ;;
  --no-tests) tests=none ;;
  *) usage >&2; exit 2 ;;
  esac
  shift
done

[ -x .venv/bin/python ] || scripts/setup run
python=$PWD/.venv/bin/python
timestamp=$(date --utc +%Y%m%dT%H%M%SZ)
make_folder
work=$(mktemp --directory)
trap 'rm -rf "$work"; rmdir "$folder" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM
mkdir "$work/items" "$work/secrets"
touch "$work/items.tsv" "$work/variables"

find_stack
find_roles
read_secrets
keep_found

collect_compose
collect_services
collect_gateway
collect_database
collect_code
collect_tests
item versions.txt text "Versions of tools" versions

echo "$folder"
PYTHONDONTWRITEBYTECODE=1 "$python" -m scripts.forensics "$work" "$folder"
