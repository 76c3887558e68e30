"""`saiten resubmit [JOB…]`: submit again what jobs left undone, and only that."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from saiten.cli.submit import add_job_options, check_site, going_in, left_to_others, submit_all, undone, works_of
from saiten.errors import Exit, UserError
from saiten.values import replace

if TYPE_CHECKING:
    from saiten.clusters.jobs import Known
    from saiten.clusters.orders import Order


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "jobs", nargs="*", metavar="JOB", help="job ids, names of jobs, models or run directories; default: all"
    )
    add_job_options(parser)


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    from saiten.clusters.jobs import by_run, chosen, known
    from saiten.clusters.outputs import folders_of
    from saiten.settings.environment import default_output

    folders = folders_of(args.output_dir, default_output())
    some = chosen(folders, args.jobs) if args.jobs else {folders[0]: known(folders[0])}
    if not any(some.values()):
        raise UserError(f"nothing was submitted from here: {folders[0]} has no submissions (give --output-dir)")
    going = going_in(some, {one.submission.run for meant in some.values() for one in meant})
    wanted = []
    for folder, meant in some.items():
        runs = by_run(known(folder))
        for run in by_run(meant):
            busy = left_to_others(going, run)
            order = order_again(folder, runs[run], args)
            works = undone(order, works_of(order, asks_hub=not args.dry_run))
            left = [work for work in works if work.benchmark.name not in busy]
            if left:
                wanted.append((order, left))
    if not wanted:
        print("nothing is left to submit")
        return Exit.COMPLETE
    return submit_all(wanted, args)


def order_again(folder: Path, jobs: Sequence[Known], args: argparse.Namespace) -> Order:
    """Return the order that the newest job of a run came from, with what the command line says otherwise."""
    from saiten.clusters.job import OFFLINE, access_of, read_job
    from saiten.clusters.orders import Order
    from saiten.clusters.record import job_file
    from saiten.clusters.sites import find_service
    from saiten.models.provider_table import find_provider
    from saiten.part import Part
    from saiten.results.layout import Layout

    newest = jobs[-1].submission
    job = read_job(job_file(folder, newest.key))
    service = find_service(args.service or newest.service)
    provider = find_provider(job.spec.provider)
    asked = [name for one in jobs for name in read_job(job_file(folder, one.submission.key)).spec.benchmarks]
    spec, output = replace(job.spec, benchmarks=tuple(dict.fromkeys(asked))), Path(job.output)
    own = service.name == newest.service
    alone = len(asked) > 1 and all(len(one.submission.benchmarks) == 1 for one in jobs)
    order = Order(
        spec=spec,
        access=access_of(replace(job, part=Part(), budget=None)),
        layout=Layout.of(output, spec, provider_path=provider.path, litellm_prefix=provider.litellm_prefix),
        output=output,
        service=service,
        kind=service.node_kind(args.node_kind or newest.node_kind),
        group=args.group or (newest.group if own else os.environ.get(service.group_variable, "")),
        priority=args.priority if args.priority is not None or not own else newest.priority,
        shards=args.shards or newest.shard[1],
        alone=alone if args.one_job_per_benchmark is None else args.one_job_per_benchmark,
        walltime=args.walltime,
        links=args.chain,
        needs_server=provider.own_server and "base_url" not in job.access,
        paid=provider.paid,
        save_details=job.save_details,
        accept_changes=job.accept_changes,
        environment={name: value for name, value in job.environment.items() if name == OFFLINE},
    )
    check_site(order)
    return order
