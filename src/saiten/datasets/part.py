"""Which repository, config and split a subset is read from.

Most datasets are one repository, with one split. Where subsets differ in that, the config's name says so:

    default                                     config of the dataset's own repository and split
    yentinglin/aime_2025@default                config of another repository, at its newest or locked commit
    ja#low                                      another split than the dataset's
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from saiten.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from saiten.types import Dataset

PLACE = re.compile(r"(?:(?P<path>[\w.-]+/[\w.-]+)@)?(?P<config>[^#]+)(?:#(?P<split>.+))?", re.DOTALL)


def part_of(dataset: Dataset, subset: str) -> Dataset:
    """Return the dataset that a subset is read from: one repository, one split, plain config names.

    It has those of the other subsets that are read from the same. KeyError: no such subset.
    """
    if not any("@" in config or "#" in config for config in dataset.configs.values()):
        return dataset
    path, split, _ = _place(dataset, subset)
    places = {name: _place(dataset, name) for name in dataset.configs}
    configs = {name: place[2] for name, place in places.items() if place[:2] == (path, split)}
    return replace(
        dataset,
        path=path,
        split=split,
        configs=configs,
        files={name: pattern for name, pattern in dataset.files.items() if name in configs},
        revision=dataset.revision if path == dataset.path else None,
    )


def parts_by_repository(dataset: Dataset, subsets: Iterable[str]) -> dict[str, list[tuple[Dataset, str]]]:
    """Return, for each repository, these subsets of it with the part that each is read from."""
    found: dict[str, list[tuple[Dataset, str]]] = {}
    for subset in subsets:
        part = part_of(dataset, subset)
        found.setdefault(part.path, []).append((part, subset))
    return found


def _place(dataset: Dataset, subset: str) -> tuple[str, str, str]:
    match = PLACE.fullmatch(dataset.configs[subset])
    if match is None or dataset.local:
        return dataset.path, dataset.split, dataset.configs[subset]
    return match["path"] or dataset.path, match["split"] or dataset.split, match["config"]
