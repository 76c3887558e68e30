#!/usr/bin/env bash
# Stop the schedulers that gridengine.sh and slurm.sh FOLDER started: stop.sh FOLDER, as root. Packages stay.
set -uo pipefail
stop() {
  local pid
  pid=$(cat "$2" 2>/dev/null) || return 0
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ] && kill "$pid"
}
stop sge_execd /run/saiten-gridengine/execd.pid
stop sge_qmaster /run/saiten-gridengine/qmaster.pid
stop slurmd "$1/log/slurmd.pid"
stop slurmctld "$1/log/slurmctld.pid"
stop munged "$1/munge/pid"
exit 0
