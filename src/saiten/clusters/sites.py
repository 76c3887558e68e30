"""From a service's name to its table and its scheduler."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from saiten.clusters.scheduler import Scheduler
from saiten.clusters.services import SERVICES, Service
from saiten.errors import UserError, suggestion


def find_service(name: str) -> Service:
    """Return a service by name. UserError with the ones that exist."""
    if name not in SERVICES:
        raise UserError(f"no service {name!r}{suggestion(name, SERVICES)} (there are: {', '.join(SERVICES)})")
    return SERVICES[name]


def open_scheduler(service: Service) -> Scheduler:
    """Return the service's scheduler. Each is the `open_scheduler(service)` of the module that bears its name."""
    module = import_module(f"saiten.clusters.{service.scheduler}")
    return cast(Scheduler, module.open_scheduler(service))
