"""The program that serves one GGUF file with llama.cpp. Runs inside the environment that has `xllamacpp`.

`python -I llamacpp_main.py MODEL.gguf --port N --name NAME --slots N --context N --threads N`, key in the environment
variable SAITEN_SERVER_KEY. Standard library and xllamacpp only: the evaluator is not installed there.

On SIGTERM it stops at once when no request is open, and otherwise after at most DRAIN_SECONDS: ending the C++ server in
the regular way waits for all open requests (half a minute and more), with the interpreter locked.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import threading
import time
from typing import Any

DRAIN_SECONDS = 3.0
MOST_CONNECTIONS = 160
_ERRORS_AND_WARNINGS = 2


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Serve one GGUF file on loopback with llama.cpp.")
    parser.add_argument("model", help="GGUF file")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", required=True, help="model name in replies")
    parser.add_argument("--slots", type=int, required=True, help="choices worked on at the same time")
    parser.add_argument("--context", type=int, required=True, help="tokens of one slot: prompt and answer together")
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args(arguments)


def serve(options: argparse.Namespace, key: str) -> Any:
    """Load the model and start to listen; return the server. Raises RuntimeError when it cannot."""
    # libgomp reads both when the extension is loaded. Spinning threads collapse to 2 tokens/s beside other work, no
    # spinning at all halves the speed of a quiet machine.
    os.environ["OMP_WAIT_POLICY"] = "passive"
    os.environ["GOMP_SPINCOUNT"] = "3000"
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.model_alias = {options.name}
    params.hostnames = ["127.0.0.1"]
    params.port = options.port
    params.api_keys = [key]
    params.n_parallel = options.slots
    params.n_ctx = options.slots * options.context
    params.cpuparams.n_threads = options.threads
    params.cpuparams_batch.n_threads = options.threads
    # Each open connection holds a thread: with fewer threads than connections, answered ones are closed without a word.
    params.n_threads_http = max(MOST_CONNECTIONS, 2 * options.slots)
    params.endpoint_metrics = True
    params.cache_ram_mib = 0  # a store of old prompts, up to 8 GiB: benchmark prompts do not come again
    params.cache_idle_slots = False
    # A greedy answer must not depend on what else is answered at that moment. Kept prompt prefixes change the shapes
    # that are computed, and flash attention rounds by shape: with both, half of all greedy answers differ from run to
    # run; with neither, nearly none.
    params.cache_prompt = False
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    neutral = params.sampling  # what a request does not say must not be decided by llama.cpp's own taste
    neutral.temp, neutral.top_p, neutral.top_k, neutral.min_p = 1.0, 1.0, 0, 0.0
    params.verbosity = _ERRORS_AND_WARNINGS
    return xllamacpp.Server(params)


def open_requests(server: Any) -> int:
    """Return how many requests the server works on or holds back, by its own metrics."""
    counts = re.findall(r"^llamacpp:requests_(?:processing|deferred) (\d+)", server.handle_metrics(), re.MULTILINE)
    return sum(int(count) for count in counts)


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or SIGINT."""
    options = parse(arguments)
    key = os.environ.pop("SAITEN_SERVER_KEY", "")
    if not key:
        sys.stderr.write("no key: set SAITEN_SERVER_KEY\n")
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    server = serve(options, key)
    sys.stderr.write(f"serving {options.name} on port {options.port}, {options.slots} slots of {options.context}\n")
    sys.stderr.flush()
    stop.wait()
    deadline = time.monotonic() + DRAIN_SECONDS
    while open_requests(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
