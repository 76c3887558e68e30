"""A model server as a program that takes vLLM's command line: the fault server, with a worker process beside it.

`python served.py MODEL --port N --served-model-name NAME …`, the key in VLLM_API_KEY. SERVED_LATENCY is seconds before
each answer; with SERVED_JUDGES it judges as well. SERVED_FAULT is `deaf` (never listens), `broken` (says why and ends)
or `hangs` (stays silent from the fifth question on; not when it is started again).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


def main() -> int:
    from tests.helpers.conversations import judge_answer, judged_answers, model_answer
    from tests.helpers.faultd import Fault, FaultServer, default_answer

    def both(prompt: str, index: int) -> str:
        return judge_answer(prompt, index) if judged_answers(prompt) else model_answer(prompt, index)

    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--port", type=int)
    parser.add_argument("--served-model-name")
    parser.add_argument("--max-num-seqs", type=int)
    options, rest = parser.parse_known_args()
    print("served with", options.model, *rest, flush=True)
    fault = os.environ.get("SERVED_FAULT")
    if fault == "deaf":
        time.sleep(1000)
    if fault == "broken":
        print("ValueError: the weights are of another model", flush=True)
        return 3
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    latency = float(os.environ.get("SERVED_LATENCY", "0"))
    key = os.environ["VLLM_API_KEY"]
    script = []
    if fault == "hangs" and not (hung := Path(options.model, "hung")).exists():
        hung.touch()
        script = [Fault(ordinals=range(5, 1_000_000), hang=True)]
    answer = both if os.environ.get("SERVED_JUDGES") else default_answer
    names = (options.served_model_name,)
    slots = options.max_num_seqs
    with FaultServer(script, models=names, port=options.port, key=key, latency=latency, answer=answer, slots=slots):
        time.sleep(1000)
    return 0


if __name__ == "__main__":
    sys.exit(main())
