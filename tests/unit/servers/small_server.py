"""A real, very small model server as a program, with the faults that a start must notice.

`python small_server.py PORT FAULT`; the key comes in SMALL_KEY. Faults: none, any_key, broken, silent, other_key,
stubborn (ignores SIGTERM), crowd (starts a second process, and ignores SIGTERM in it).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers every POST with one token."""

    fault = "none"
    key = ""

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        asked = json.loads(self.rfile.read(length))
        if self.fault == "silent":
            time.sleep(1000)
        if self.fault != "any_key" and self.headers["Authorization"] != f"Bearer {self.key}":
            self.answer(401, {"error": {"message": "wrong key"}})
        elif self.fault == "broken":
            self.answer(500, {"error": {"message": "the engine is dead"}})
        else:
            self.answer(200, {"model": asked["model"], "choices": [{"text": "1", "finish_reason": "length"}]})

    def answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    port, fault = int(sys.argv[1]), sys.argv[2]
    Handler.fault = fault
    Handler.key = "another" if fault == "other_key" else os.environ["SMALL_KEY"]
    print(f"small server {os.getpid()} has the key {os.environ['SMALL_KEY']}", flush=True)
    if fault in {"stubborn", "crowd"}:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if fault == "crowd":
        worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        print(f"worker {worker.pid}", flush=True)
    ThreadingHTTPServer.allow_reuse_address = False
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
