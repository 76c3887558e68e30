#!/usr/bin/env bash
# A Slurm of one host for the tests, without accounting: packages and daemons. Everything it writes lies in FOLDER.
#
#   slurm.sh USER FOLDER            as root; then SLURM_CONF=FOLDER/slurm.conf
#
# Slurm 22.05 of Debian and newer ones. No systemd, nothing in /etc.
set -euo pipefail
user=$1 folder=$2
host=$(hostname -s)
export DEBIAN_FRONTEND=noninteractive SLURM_CONF=$folder/slurm.conf

# runs NAME PIDFILE: asking with sinfo would take a minute where no controller runs.
runs() { [ -s "$2" ] && [ "$(cat "/proc/$(cat "$2")/comm" 2>/dev/null)" = "$1" ]; }
answers() { "$@" >/dev/null 2>&1; }
wait_for() {
  local tries
  for ((tries = 0; tries < 150; tries++)); do
    if answers "$@"; then return; fi
    sleep 0.2
  done
  echo "slurm.sh: nothing came of: $*" >&2
  exit 1
}

install_packages() {
  if type slurmctld slurmd sbatch munged >/dev/null 2>&1; then return; fi
  answers apt-cache show slurmctld || apt-get update -qq
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  apt-get install -y -qq --no-install-recommends munge slurmctld slurmd slurm-client >/dev/null
}

# A munge of our own: key, socket and log in the folder.
start_munge() {
  answers munge -n --socket "$folder/munge/socket" && return
  install -d -o munge -g munge -m 755 "$folder/munge"
  [ -s "$folder/munge/key" ] || setpriv --reuid munge --regid munge --clear-groups \
    mungekey --create --keyfile "$folder/munge/key"
  setpriv --reuid munge --regid munge --clear-groups munged --key-file "$folder/munge/key" \
    --socket "$folder/munge/socket" --pid-file "$folder/munge/pid" --log-file "$folder/munge/log" \
    --seed-file "$folder/munge/seed"
  wait_for munge -n --socket "$folder/munge/socket"
}

configure() {
  local number
  install -d -o slurm -g slurm "$folder/state" "$folder/log"
  install -d "$folder/spool" "$folder/gpus"
  for number in 0 1; do # device files that exist everywhere stand for GPUs, so that CUDA_VISIBLE_DEVICES is set
    [ -c "$folder/gpus/gpu$number" ] || mknod "$folder/gpus/gpu$number" c 1 3
  done
  cat >"$SLURM_CONF" <<CONF
ClusterName=saiten
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=slurm
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CryptoType=crypto/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/log/slurmctld.pid
SlurmdPidFile=$folder/log/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
KillWait=10
MinJobAge=120
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 RealMemory=1000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=1-00:00:00 State=UP
CONF
  echo "NodeName=$host Name=gpu File=$folder/gpus/gpu[0-1]" >"$folder/gres.conf"
  printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' >"$folder/cgroup.conf"
}

id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
install_packages
install -d -m 755 "$folder"
start_munge
if ! runs slurmctld "$folder/log/slurmctld.pid"; then
  configure
  slurmctld -c
  wait_for runs slurmctld "$folder/log/slurmctld.pid"
fi
runs slurmd "$folder/log/slurmd.pid" || slurmd
ready() { sinfo -h -o %T | grep -qE '^(idle|mixed|allocated)'; }
wait_for ready
