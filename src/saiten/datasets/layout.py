"""Which files of a dataset repository hold a config's split.

In this order: the pattern that the benchmark names; what the repository's card says (`configs` in the front matter of
README.md); names and folders that say config and split, as the hub's own tools read them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from saiten.datasets.readers import COMPRESSIONS, FORMATS, format_of
from saiten.errors import UserError, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CARD = "README.md"
MAX_CARD = 4 << 20
SPLIT_WORDS = {
    "train": {"train", "training"},
    "validation": {"validation", "valid", "val", "dev"},
    "test": {"test", "testing", "eval", "evaluation"},
}
SHARD = re.compile(r"-\d{5}-of-(?P<count>\d{5})(-[0-9a-f]+)?$")
FRONT_MATTER = re.compile(r"\A\ufeff?---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)

Configs = dict[str, dict[str, list[str]]]
"""Config name -> split -> path patterns."""


class LayoutError(UserError):
    """The repository's files do not tell where the config or split is."""


def choose_files(files: Sequence[str], *, config: str, split: str, pattern: str | None, card: str) -> tuple[str, ...]:
    """Return the files of one config and split, sorted.

    Args:
        files: all paths in the repository.
        config: config name, `default` where the benchmark names none.
        split: split name.
        pattern: path patterns (`*`, `?`, `**`) that decide alone, separated by spaces; `{config}` and `{split}` are
            filled in. Each must match a file.
        card: text of README.md, or an empty string.

    Raises:
        LayoutError: nothing matches; the message says what there is.
    """
    readable = sorted(path for path in files if format_of(path) and not _hidden(path))
    if pattern is not None:
        wanted = pattern.replace("{config}", config).replace("{split}", split).split()
        if missing := [one for one in wanted if not _matching(readable, [one])]:
            raise LayoutError(f"no file matches {missing[0]!r}; there are: {_some(readable)}")
        return _one_format(_matching(readable, wanted))
    configs = read_card(card)
    if configs:
        return _one_format(_from_card(readable, configs, config, split))
    return _one_format(_from_names(readable, config, split))


def read_card(text: str) -> Configs:
    """Return the configs that a dataset card declares; an empty dict where it declares none."""
    import yaml

    match = FRONT_MATTER.match(text[:MAX_CARD])
    if match is None:
        return {}
    try:
        data = yaml.safe_load(match[1])
    except (yaml.YAMLError, RecursionError) as error:
        raise LayoutError(f"the front matter of {CARD} is not valid YAML ({str(error).splitlines()[0]})") from error
    entries = data.get("configs") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        return {}
    configs: Configs = {}
    for entry in entries:
        if isinstance(entry, dict) and "data_files" in entry:
            configs[str(entry.get("config_name", "default"))] = _splits(entry["data_files"], entry.get("data_dir"))
    return configs


def _splits(data_files: Any, folder: Any) -> dict[str, list[str]]:
    """Normalise the spellings of `data_files`: a path, paths, split -> paths, or a list of {split, path}."""
    prefix = f"{str(folder).strip('/')}/" if isinstance(folder, str) else ""
    if isinstance(data_files, dict):
        data_files = [{"split": split, "path": path} for split, path in data_files.items()]
    if isinstance(data_files, str):
        data_files = [data_files]
    splits: dict[str, list[str]] = {}
    for item in data_files if isinstance(data_files, list) else []:
        split, paths = (item.get("split", "train"), item.get("path")) if isinstance(item, dict) else ("train", item)
        for path in paths if isinstance(paths, list) else [paths]:
            if isinstance(path, str):
                splits.setdefault(str(split), []).append(prefix + path.removeprefix("./"))
    return splits


def _from_card(files: Sequence[str], configs: Configs, config: str, split: str) -> list[str]:
    name = config
    if name not in configs and name == "default" and len(configs) == 1:
        name = next(iter(configs))
    if name not in configs:
        raise LayoutError(f"no config {config!r}{suggestion(config, configs)}; there are: {_some(sorted(configs))}")
    if split not in configs[name]:
        raise LayoutError(f"config {name!r} has no split {split!r}; there are: {', '.join(sorted(configs[name]))}")
    found = _matching(files, configs[name][split])
    if not found:
        raise LayoutError(f"{CARD} names {_some(configs[name][split])} for {name!r}/{split!r}, and no file is so named")
    return found


def _from_names(files: Sequence[str], config: str, split: str) -> list[str]:
    mine = [path for path in files if config == "default" or _names_config(path, config, split)]
    if not mine:
        raise LayoutError(f"no file is named after config {config!r}; there are: {_some(files)}")
    wanted = SPLIT_WORDS.get(_canonical(split), set()) | {split.lower()}
    words = {path: _words(path, config) for path in mine}
    named = [path for path in mine if words[path] & wanted]
    if named:
        return named
    known = sorted({_canonical(word) for path in mine for word in words[path] if _canonical(word) in SPLIT_WORDS})
    if known:
        raise LayoutError(f"config {config!r} has no split {split!r}; there are: {', '.join(known)}")
    if config != "default" or split == "train":
        return mine
    raise LayoutError(f"no file is named after split {split!r}; there are: {_some(files)}")


def _parts(path: str) -> list[str]:
    *folders, name = _stem(path).split("/")
    return [*folders, SHARD.sub("", name)]


def _stem(path: str) -> str:
    for compression in COMPRESSIONS:
        path = path.removesuffix(compression)
    return path.rpartition(".")[0]


def _names_config(path: str, config: str, split: str) -> bool:
    parts = _parts(path)
    joined = {f"{a}{mark}{b}" for mark in "_-." for a, b in ((config, split), (split, config))}
    return config in parts or parts[-1] in joined


def _words(path: str, config: str) -> set[str]:
    """Return the words of a path's folders and name, but for the config's own name, which may contain a split's."""
    rest = [part.replace(config, " ") if config != "default" else part for part in _parts(path) if part != config]
    return {word for part in rest for word in (part.lower(), *re.split(r"[\W_]+", part.lower())) if word}


def _canonical(word: str) -> str:
    return next((name for name, words in SPLIT_WORDS.items() if word.lower() in words), word)


def _matching(files: Iterable[str], patterns: Sequence[str]) -> list[str]:
    expressions = [_expression(pattern) for pattern in patterns]
    return [path for path in files if any(expression.fullmatch(path) for expression in expressions)]


def _expression(pattern: str) -> re.Pattern[str]:
    pieces = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    tokens = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return re.compile("".join(pieces.get(token, re.escape(token)) for token in tokens))


def _hidden(path: str) -> bool:
    return any(part.startswith((".", "__")) for part in path.split("/")) or path.endswith("dataset_infos.json")


def _one_format(files: list[str]) -> tuple[str, ...]:
    best = min((FORMATS.index(format_of(path) or FORMATS[-1]) for path in files), default=0)
    chosen = tuple(path for path in files if format_of(path) == FORMATS[best])
    series: dict[tuple[str, int], int] = {}
    for path in chosen:
        shard = SHARD.search(_stem(path))
        if shard:
            key = (path[: path.rindex(shard[0])], int(shard["count"]))
            series[key] = series.get(key, 0) + 1
    for (start, count), have in series.items():
        if have != count:
            raise LayoutError(f"{start}-* has {have} of its {count} parts")
    return chosen


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:12])
    return f"{shown}, … ({len(names)} in all)" if len(names) > 12 else shown or "none that can be read"
