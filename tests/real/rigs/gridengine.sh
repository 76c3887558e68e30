#!/usr/bin/env bash
# A Grid Engine of one host for the tests: packages, daemons, resource types and a project like TSUBAME4's.
#
#   gridengine.sh USER PROJECT      as root; what is there already stays as it is
#
# Son of Grid Engine 8.1.9 of Debian and Ubuntu. No systemd, no change of /etc/hosts or of the host's name.
set -euo pipefail
user=$1 project=$2
host=$(hostname)
export DEBIAN_FRONTEND=noninteractive SGE_ROOT=/var/lib/gridengine SGE_CELL=default SGE_SINGLE_LINE=1
cell=$SGE_ROOT/$SGE_CELL
pids=/run/saiten-gridengine
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

answers() { "$@" >/dev/null 2>&1; }
wait_for() {
  local tries
  for ((tries = 0; tries < 150; tries++)); do
    if answers "$@"; then return; fi
    sleep 0.2
  done
  echo "gridengine.sh: nothing came of: $*" >&2
  exit 1
}

install_packages() {
  if type sge_qmaster sge_execd qsub >/dev/null 2>&1; then return; fi
  local setting
  for setting in gridengineconfig:boolean:true gridenginecell:string:default "gridenginemaster:string:$host"; do
    echo "gridengine-common shared/${setting//:/ }"
  done | debconf-set-selections
  answers apt-cache show gridengine-master || apt-get update -qq
  # Packages start their daemons where nothing forbids it; these are started below, on every machine alike.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    trap 'rm -rf "$scratch" /usr/sbin/policy-rc.d' EXIT
  fi
  apt-get install -y -qq --no-install-recommends gridengine-master gridengine-exec gridengine-client >/dev/null
}

# qmaster and execd must call this host by one name, whatever /etc/hosts makes of 127.0.0.1.
name_the_host() {
  echo "$host" >"$cell/common/act_qmaster"
  printf '%s localhost\n' "$host" >"$cell/common/host_aliases"
  chown sgeadmin: "$cell/common/act_qmaster" "$cell/common/host_aliases"
}

start_qmaster() {
  if answers qconf -sh; then return; fi
  name_the_host
  install -d -o sgeadmin -g sgeadmin "$pids"
  SGE_QMASTER_PIDFILE=$pids/qmaster.pid sge_qmaster
  wait_for setpriv --reuid sgeadmin --regid sgeadmin --clear-groups qconf -sh
  answers setpriv --reuid sgeadmin --regid sgeadmin --clear-groups qconf -am root || true
}

# change -sWHAT -MWHAT NAME=VALUE...: read a configuration, replace values, give it back. The file's name is its host's.
change() {
  local show=$1 set=$2 pair
  shift 2
  qconf "$show" >"$scratch/global"
  for pair in "$@"; do sed -i "s|^${pair%%=*} .*|${pair%%=*} ${pair#*=}|" "$scratch/global"; done
  qconf "$set" "$scratch/global" >/dev/null
}

configure() {
  local type
  answers qconf -ah "$host" || true
  answers qconf -as "$host" || true
  qconf -sc >"$scratch/types"
  for type in node_f node_q cpu_16 cpu_4; do
    grep -q "^$type " "$scratch/types" || echo "$type $type INT <= YES YES 0 0" >>"$scratch/types"
  done
  qconf -Mc "$scratch/types" >/dev/null
  # Answer within a second, and write accounting records at once; jobs of root stay refused (min_uid 1000).
  local reporting=accounting=true\ reporting=false\ flush_time=00:00:01\ accounting_flush_time=00:00:00
  reporting+=\ joblog=false\ sharelog=00:00:00
  change -sconf -Mconf shell_start_mode=unix_behavior load_report_time=00:00:02 finished_jobs=0 \
    "reporting_params=$reporting"
  change -ssconf -Msconf schedule_interval=0:0:1 flush_submit_sec=1 flush_finish_sec=1
  if ! answers qconf -sprj "$project"; then
    printf 'name %s\noticket 0\nfshare 0\nacl NONE\nxacl NONE\n' "$project" >"$scratch/project"
    qconf -Aprj "$scratch/project" >/dev/null
  fi
}

start_execd() {
  if ! answers qconf -se "$host"; then
    {
      printf 'hostname %s\nload_scaling NONE\ncomplex_values NONE\n' "$host"
      printf '%s NONE\n' user_lists xuser_lists projects xprojects usage_scaling report_variables
    } >"$scratch/execution-host"
    qconf -Ae "$scratch/execution-host" >/dev/null
  fi
  qconf -rattr exechost complex_values node_f=1,node_q=4,cpu_16=8,cpu_4=8 "$host" >/dev/null
  answers pgrep -x sge_execd || SGE_EXECD_PIDFILE=$pids/execd.pid sge_execd
}

open_queue() {
  if ! answers qconf -sq all.q; then
    # Without a name, qconf prints its template; the parallel environments it names do not exist.
    qconf -sq | sed "s/^qname .*/qname all.q/; s/^hostlist .*/hostlist $host/; s/^pe_list .*/pe_list NONE/" \
      >"$scratch/queue"
    qconf -Aq "$scratch/queue" >/dev/null
  fi
  local pair
  for pair in "hostlist $host" "slots 4" "load_thresholds NONE" "shell /bin/bash" "shell_start_mode unix_behavior" \
    "notify 00:00:10"; do
    # shellcheck disable=SC2086  # two words on purpose
    qconf -rattr queue $pair all.q >/dev/null
  done
  # A queue that ran a job with a broken output directory may be closed; open it again.
  answers qmod -cq all.q || true
  reports() { qhost -h "$host" | awk -v host="$host" '$1 == host && $4 != "-" { found = 1 } END { exit !found }'; }
  wait_for reports
}

id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
install_packages
start_qmaster
configure
start_execd
open_queue
