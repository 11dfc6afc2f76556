#!/usr/bin/env bash
# Deploys the stack that scripts/stack runs, without a call that fails, and rolls back by itself:
# `scripts/deploy_automation.sh deploy`, `… deploy --dry-run`, `… rollback`, `… help`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup run
PYTHONPATH=$PWD exec .venv/bin/python -m scripts.deploying "$@"
