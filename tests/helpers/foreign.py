"""A server that does not speak OpenAI's protocol: Anthropic's messages and Ollama's chat, with a ledger."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class ForeignServer:
    """The server. `answer`: prompt -> text; `failures`: statuses of the first requests."""

    def __init__(self, answer: Callable[[str], str], failures: tuple[int, ...] = ()) -> None:
        self.ledger: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        """(path, body, headers) of every POST."""
        self._lock = threading.Lock()
        outer, left = self, list(failures)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.reply(200, {})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/api/show":  # what litellm asks an Ollama server about the model
                    return self.reply(200, {"template": "", "model_info": {}})
                with outer._lock:
                    outer.ledger.append((self.path, body, {k.lower(): v for k, v in self.headers.items()}))
                    status = left.pop(0) if left else 200
                if status != 200:
                    return self.reply(status, {"type": "error", "error": {"type": "x", "message": f"status {status}"}})
                text = answer(last_text(body))
                return self.reply(200, anthropic(text) if self.path == "/v1/messages" else ollama(text))

            def reply(self, status: int, body: dict[str, Any]) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                if status == 429:
                    self.send_header("Retry-After", "1")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def last_text(body: dict[str, Any]) -> str:
    """Return the last message's text."""
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def anthropic(text: str) -> dict[str, Any]:
    """Return an answer of Anthropic's messages."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-test",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 7},
    }


def ollama(text: str) -> dict[str, Any]:
    """Return an answer of Ollama's chat."""
    return {
        "model": "tiny",
        "created_at": "2026-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": text},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 11,
        "eval_count": 7,
    }
