#!/usr/bin/env bash
# Make everything that evaluations need, once: saiten's own environment, then what `saiten setup` checks and makes.
#
#   bash scripts/qsub/environment/setup_t4_uv_envs.sh [options of saiten setup]       SERVICE: tsubame if not set
set -euo pipefail
cd "$(dirname "$0")/../../.."
make --no-print-directory .venv/.saiten-ready
exec .venv/bin/saiten setup --service "${SERVICE:-tsubame}" "$@"
