"""A local server that speaks the protocol of the hub of datasets and models, as far as its real client needs it.

Served are: `/api/datasets/REPO[/revision/REV]`, `/api/datasets/REPO/tree/REV` in pages, and
`/datasets/REPO/resolve/REV/PATH`, and the same of models, with ETag, X-Repo-Commit and Content-Length. Large-file
storage is a redirect to another host (127.0.0.1 becomes localhost) with X-Linked-ETag and X-Linked-Size, as on the real
hub. Errors carry X-Error-Code.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

CONVERTED = "refs/convert/parquet"
STORED_ELSEWHERE = (".parquet", ".gz", ".safetensors")
"""Files that the hub keeps in large-file storage."""


@dataclass
class Repository:
    """A repository of a dataset or a model: revisions by name, each with its files."""

    files: dict[str, bytes]
    converted: dict[str, bytes] | None = None
    """Files of refs/convert/parquet, where the hub made them."""
    gated: bool = False
    token: str | None = None
    """The token that opens a gated repository."""
    earlier: list[dict[str, bytes]] = field(default_factory=list)
    """Files of earlier commits."""

    def resolve(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Return the commit and files of a branch or commit."""
        named = {"main": self.files} | ({CONVERTED: self.converted} if self.converted is not None else {})
        if revision in named:
            return commit_of(named[revision]), named[revision]
        for files in [*named.values(), *self.earlier]:
            if commit_of(files) == revision:
                return revision, files
        return None


def commit_of(files: Mapping[str, bytes]) -> str:
    """Return a commit hash that follows from the content."""
    digest = hashlib.sha1()
    for path in sorted(files):
        digest.update(path.encode() + b"\0" + files[path] + b"\0")
    return digest.hexdigest()


class Hub(ThreadingHTTPServer):
    """The server and what was asked of it."""

    daemon_threads = True

    def __init__(self, repositories: dict[str, Repository], page: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = repositories
        self.page = page
        self.ledger: list[str] = []
        """`METHOD path` of each request."""
        self.status: int | None = None
        """While set, every request is answered with this status."""

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def hub_server(repositories: dict[str, Repository], page: int = 1000) -> Iterator[Hub]:
    """Serve the repositories until the block ends. `page`: entries of a tree listing sent at once."""
    server = Hub(repositories, page)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
        """Write nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.server.ledger.append(f"{self.command} {self.path}")
        url = urlsplit(self.path)
        if self.server.status is not None:
            return self._send(self.server.status, b"{}", {})
        if url.path == "/api/whoami-v2":
            return self._who()
        if url.path.startswith("/storage/"):
            return self._storage(url.path)
        match = re.fullmatch(r"/api/(?:datasets|models)/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", url.path)
        if match:
            return self._api(match[1], match[2] or "revision", unquote(match[3] or "main"), parse_qs(url.query))
        match = re.fullmatch(r"(?:/datasets)?/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", url.path)
        if match:
            return self._file(match[1], unquote(match[2]), unquote(match[3]))
        return self._error(404, "Unknown", "no such route")

    def _who(self) -> None:
        tokens = {repository.token for repository in self.server.repositories.values()}
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in tokens:
            return self._error(401, "Unauthorized", "Invalid username or password.")
        body = json.dumps({"type": "user", "name": "tanaka", "auth": {"accessToken": {"displayName": "x"}}}).encode()
        return self._send(200, body, {"Content-Type": "application/json"})

    def _open(self, name: str, revision: str, *, content: bool) -> tuple[str, dict[str, bytes]] | None:
        repository = self.server.repositories.get(name)
        if repository is None:
            self._error(401, "RepoNotFound", "Repository not found")
            return None
        if content and repository.gated and self.headers.get("Authorization") != f"Bearer {repository.token}":
            status = 403 if self.headers.get("Authorization") else 401
            self._error(status, "GatedRepo", f"Access to dataset {name} is restricted.")
            return None
        found = repository.resolve(revision)
        if found is None:
            self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return found

    def _api(self, name: str, kind: str, revision: str, query: dict[str, list[str]]) -> None:
        found = self._open(name, revision, content=False)
        if found is None:
            return
        commit, files = found
        if kind == "revision":
            siblings = [{"rfilename": path} for path in sorted(files)]
            body = {"id": name, "sha": commit, "private": False, "gated": False, "siblings": siblings, "tags": []}
            self._send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
            return
        start = int(query.get("cursor", ["0"])[0])
        entries = [self._entry(path, files[path]) for path in sorted(files)]
        headers = {"Content-Type": "application/json"}
        if start + self.server.page < len(entries):
            following = f"{self.server.url}{urlsplit(self.path).path}?recursive=true&cursor={start + self.server.page}"
            headers["Link"] = f'<{following}>; rel="next"'
        self._send(200, json.dumps(entries[start : start + self.server.page]).encode(), headers)

    def _entry(self, path: str, content: bytes) -> dict[str, object]:
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        entry: dict[str, object] = {"type": "file", "oid": blob, "size": len(content), "path": path}
        if path.endswith(STORED_ELSEWHERE):
            entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
        return entry

    def _file(self, name: str, revision: str, path: str) -> None:
        found = self._open(name, revision, content=True)
        if found is None:
            return
        commit, files = found
        if path not in files:
            self._error(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": commit})
            return
        content = files[path]
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if path.endswith(STORED_ELSEWHERE):
            headers |= {
                "Location": f"http://localhost:{self.server.server_address[1]}/storage/{name}/{commit}/{quote(path)}",
                "X-Linked-ETag": f'"{hashlib.sha256(content).hexdigest()}"',
                "X-Linked-Size": str(len(content)),
            }
            self._send(302, b"", headers)
            return
        entry = self._entry(path, content)
        self._send(200, content, headers | {"ETag": f'"{entry["oid"]}"', "Content-Type": "application/octet-stream"})

    def _storage(self, path: str) -> None:
        _, _, publisher, name, commit, *rest = unquote(path).split("/")
        found = self.server.repositories[f"{publisher}/{name}"].resolve(commit)
        assert found is not None
        content = found[1]["/".join(rest)]
        self._send(200, content, {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'})

    def _error(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps({"error": message}).encode()
        self._send(status, body, {"X-Error-Code": code, "X-Error-Message": message, **(headers or {})})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
