"""From a service's name to its table and its scheduler. A file `services.yaml` of the user's goes above our tables.

mysite:
  like: slurm            # begins with this service; none: with an empty table
  max_walltime: 48:00:00
  node_kinds:
    a100: {gpus: 1, cores: 16, memory_gb: 120, queue: gpu, resources: [gres=gpu:a100:1]}
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import cast

from saiten.clusters.scheduler import Scheduler
from saiten.clusters.services import SERVICES, Service
from saiten.errors import UserError, suggestion
from saiten.settings.described import nearest, read_block
from saiten.settings.tree import Node, Table, Text
from saiten.settings.yamlfile import read_yaml
from saiten.values import replace

FILE = "services.yaml"


def find_service(name: str) -> Service:
    """Return a service by name. UserError with the ones that exist."""
    table = service_table()
    if name not in table:
        raise UserError(f"no service {name!r}{suggestion(name, table)} (there are: {', '.join(table)})")
    return table[name]


def service_of(name: str, scheduler: str) -> Service:
    """Return the service of a job that was submitted; one that only another folder's file has is asked as ours are."""
    like = next((one for one in SERVICES.values() if one.scheduler == scheduler), None)
    if like is None or name in service_table():
        return find_service(name)
    return replace(like, name=name)


def service_table(environ: Mapping[str, str] = os.environ) -> Mapping[str, Service]:
    """Return all services by name: the user's file in the working folder, else in REPO_PATH, above ours."""
    for root in (Path(), Path(environ.get("REPO_PATH") or ".")):
        if (root / FILE).is_file():
            return read_services(root / FILE)
    return SERVICES


def read_services(path: Path) -> dict[str, Service]:
    """Read a file of services above those that there are. UserError tells everything that is wrong with it."""
    found = dict(SERVICES)
    errors: list[str] = []
    for name, node in read_yaml(path).entries.items():
        below, rest = begin(name, node, errors)
        entry = read_block(Service, name, rest)
        errors += entry.errors
        if not entry.errors:
            found[name] = replace(below, name=name, **entry.values)
            if not found[name].node_kinds:
                errors.append(f"{node.where}: {name}: a new service needs its node_kinds")
    if errors:
        raise UserError("\n".join(errors))
    return found


def begin(name: str, node: Node, errors: list[str]) -> tuple[Service, Node]:
    """Return the service that an entry begins with, and the entry without its `like`."""
    if not isinstance(node, Table) or "like" not in node.entries:
        return SERVICES.get(name, Service(name=name)), node
    like = node.entries["like"]
    rest = Table({key: item for key, item in node.entries.items() if key != "like"}, node.where)
    if isinstance(like, Text) and like.text in SERVICES:
        return SERVICES[like.text], rest
    told = like.text if isinstance(like, Text) else ""
    errors.append(f"{like.where}: {name}: like: no service {told!r}{nearest(told, SERVICES)}")
    return Service(name=name), rest


def open_scheduler(service: Service, place: str = "") -> Scheduler:
    """Return the service's scheduler. Each is the `open_scheduler(service)` of the module that bears its name.

    `place`: `Submission.place`, which only the local scheduler has.
    """
    module = import_module(f"saiten.clusters.{service.scheduler}")
    return cast(Scheduler, module.open_scheduler(service, place) if place else module.open_scheduler(service))


def place_of(service: Service) -> str:
    """Return where a job that is submitted now will be kept; empty: by a real scheduler."""
    from saiten.clusters.local import place

    return str(place(os.environ)) if service.scheduler == "local" else ""
