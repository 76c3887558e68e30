"""`saiten probe MODEL`: ask a provider a handful of tiny questions, and print what it honours and a table entry."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from saiten.errors import Exit, UserError
from saiten.settings.options import add_options, given_options
from saiten.types import Access, RunSpec

if TYPE_CHECKING:
    import argparse

    from saiten.models.findings import Report
    from saiten.models.providers import Endpoint

SPEC = ("provider",)
ACCESS = ("base_url",)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("model", metavar="MODEL", help="the model's name as the provider knows it")
    add_options(parser, RunSpec, SPEC)
    add_options(parser, Access, ACCESS)


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    from saiten.models.probe import REQUESTS, TOKENS
    from saiten.models.providers import resolve_endpoint

    spec = RunSpec(model=args.model, benchmarks=(), **given_options(args, SPEC))
    endpoint = resolve_endpoint(spec, Access(**given_options(args, ACCESS)), os.environ)
    if endpoint.provider.transport != "http":
        raise UserError(f"a probe speaks OpenAI's protocol, and {endpoint.provider.name} does not: give another one")
    print(
        f"saiten: asking {endpoint.model} at {endpoint.shown}: at most {REQUESTS} requests of at most {TOKENS} tokens",
        file=sys.stderr,
    )
    report, name, sent = asyncio.run(ask(endpoint))
    width = max(len(finding.question) for finding in report.findings)
    for finding in report.findings:
        print(f"{finding.question:<{width}}  {finding.answer}")
    print(f"\n{sent} requests were sent. For providers.yaml:\n")
    print_entry(report, name)
    return Exit.COMPLETE


async def ask(endpoint: Endpoint) -> tuple[Report, str, int]:
    """Ask everything; return the report, the entry's name and the number of requests."""
    from saiten.models.findings import entry_name, probe
    from saiten.models.limiter import Limiter, Range
    from saiten.models.options import ClientOptions
    from saiten.models.probe import Prober
    from saiten.models.stats import Stats
    from saiten.models.transport import Transport

    stats = Stats(Limiter(Range(start=1, most=1)))
    transport = Transport(endpoint, ClientOptions().limits(paid=endpoint.paid), stats)
    try:
        prober = Prober(endpoint, transport)
        return await probe(prober), entry_name(prober), prober.sent
    finally:
        await transport.close()


def print_entry(report: Report, name: str) -> None:
    """Print the entry as YAML."""
    from saiten.models.findings import yaml_lines

    for line in yaml_lines(report, name):
        print(line)
