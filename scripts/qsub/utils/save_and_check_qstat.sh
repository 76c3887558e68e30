#!/usr/bin/env bash
# Where every submitted job is: bash scripts/qsub/utils/save_and_check_qstat.sh [options of saiten status]
set -euo pipefail
cd "$(dirname "$0")/../../.."
saiten=.venv/bin/saiten
[ -x "$saiten" ] || saiten=saiten
exec "$saiten" status "$@"
