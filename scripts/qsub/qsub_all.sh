#!/usr/bin/env bash
# Submit the evaluation of one model. Fill in the head, comment out what you do not want below, then:
#
#   bash scripts/qsub/qsub_all.sh [options of saiten submit, such as --dry-run]
#
# Everything is done by `saiten submit` (docs/ja/manual.md, docs/en/manual.md); this file only knows the old names.
set -euo pipefail

# Set Args ---------------------------------------------------------------------------------------------------------
# A variable of the same name in the environment goes before what stands here.

## Common
NODE_KIND="${NODE_KIND:-}"                       # tsubame: node_q node_f cpu_16 …; abci: rt_HG rt_HF rt_HC; local: gpu_N cpu
MODEL_NAME="${MODEL_NAME:-}"                     # the model's name on the hub, or as its provider knows it

## Special
PROVIDER="${PROVIDER:-vllm}"                     # vllm, openai, deepinfra, … (docs/ja/providers.md)
CUSTOM_SETTINGS="${CUSTOM_SETTINGS:-}"           # name of the model's settings, e.g. reasoning
PREDOWNLOAD_MODEL="${PREDOWNLOAD_MODEL:-true}"   # true: fetch model and datasets before submitting (vllm)
MAX_SAMPLES="${MAX_SAMPLES:-}"                   # only so many documents of each subset, to try things out

## Environmental
SERVICE="${SERVICE:-}"                           # tsubame, abci, slurm, local
PRIORITY="${PRIORITY:--5}"                       # tsubame: -5; -4 costs twice as much, -3 four times
CUDA_VISIBLE_DEVICES="${CUDA_VISIBLE_DEVICES:-}" # local: the GPUs that jobs may use, e.g. 0,1

# ------------------------------------------------------------------------------------------------------------------

benchmarks=()

# A line `qsub_task LANG TASK` evaluates one more. TASK: an old script's name, or a benchmark of `saiten tasks list`.
function qsub_task {
  case $2 in
    *.py*) benchmarks+=("$2") ;; # a file of your own
    *) benchmarks+=("$1_$2") ;;
  esac
}

# Submit tasks -----------------------------------------------------------------------------------------------------

## Japanese
qsub_task ja gpqa
qsub_task ja jemhopqa_cot
qsub_task ja math_100
qsub_task ja mmlu
qsub_task ja mmlu_prox
qsub_task ja mtbench
qsub_task ja wmt20_en_ja
qsub_task ja wmt20_ja_en
qsub_task ja humaneval
qsub_task ja mifeval

## English
qsub_task en hellaswag
qsub_task en mtbench
qsub_task en gpqa_diamond
qsub_task en math_500
qsub_task en aime_2024_2025
qsub_task en livecodebench_v5_v6
qsub_task en mmlu
qsub_task en mmlu_pro
qsub_task en mmlu_prox

## Optional
# qsub_task ja jemhopqa
# qsub_task ja jamcqa
# qsub_task ja jgpqa
# qsub_task en humaneval

# ------------------------------------------------------------------------------------------------------------------

for name in SERVICE NODE_KIND MODEL_NAME; do
  if [ -z "${!name}" ]; then
    echo "qsub_all.sh: $name is empty: fill it in at the head of $0" >&2
    exit 2
  fi
done
if [ "${#benchmarks[@]}" -eq 0 ]; then
  echo "qsub_all.sh: no qsub_task line is left in $0" >&2
  exit 2
fi

cd "$(dirname "$0")/../.."
saiten=.venv/bin/saiten
[ -x "$saiten" ] || saiten=saiten

options=(--service "$SERVICE" --node-kind "$NODE_KIND" --provider "$PROVIDER")
options+=(--benchmarks "$(IFS=,; echo "${benchmarks[*]}")")
options+=(--settings "${CUSTOM_SETTINGS:-none}")
[ -z "$MAX_SAMPLES" ] || options+=(--max-samples "$MAX_SAMPLES")
[ "$SERVICE" != tsubame ] || options+=("--priority=$PRIORITY")
if [ "$PREDOWNLOAD_MODEL" != true ]; then
  options+=(--no-predownload)
elif [ "$PROVIDER" = vllm ]; then
  options+=(--predownload)
fi
if [ -n "$CUDA_VISIBLE_DEVICES" ]; then
  export CUDA_VISIBLE_DEVICES
else
  unset CUDA_VISIBLE_DEVICES
fi
exec "$saiten" submit "$MODEL_NAME" "${options[@]}" --yes "$@"
