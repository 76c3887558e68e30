"""One verb of a scheduler, as whoever runs this: `drive.py '{"service": …, "verb": …}'`, the answer is JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from saiten.clusters.scheduler import JobRequest, SchedulerError
from saiten.clusters.services import SERVICES
from saiten.clusters.sites import open_scheduler


def answer(service: str, verb: str, **asked: Any) -> Any:
    """Do it."""
    place = SERVICES[service]
    scheduler = open_scheduler(place)
    if verb == "submit":
        request = JobRequest(
            **{
                **asked,
                "script": Path(asked["script"]),
                "output": Path(asked["output"]),
                "node": place.node_kind(asked["node"]),
                "arguments": tuple(asked.get("arguments", ())),
                "after": tuple(asked.get("after", ())),
            }
        )
        return scheduler.submit(request)
    if verb == "poll":
        return {job: asdict(status) for job, status in scheduler.poll(asked["ids"]).items()}
    if verb == "final":
        return asdict(scheduler.final(asked["job"]))
    return scheduler.cancel(asked["ids"])


if __name__ == "__main__":
    try:
        print(json.dumps({"answer": answer(**json.loads(sys.argv[1]))}))
    except SchedulerError as error:
        print(json.dumps({"refused": str(error)}))
