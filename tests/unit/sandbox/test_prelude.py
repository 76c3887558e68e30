"""The names that programs find, and the folders they may read."""

from __future__ import annotations

from pathlib import Path

from saiten.sandbox import predefined
from saiten.sandbox.inside.places import find_places
from saiten.sandbox.inside.prelude import PackageFinder, names


def test_the_prelude_has_what_its_star_imports_give() -> None:
    have = names()
    assert have["datetime"].__name__ == "datetime"
    assert have["pow"] is pow  # builtins come after math and operator
    assert have["List"].__module__ == "typing"
    assert {"deque", "heappush", "sqrt", "lru_cache", "add", "median", "json", "itertools"} <= have.keys()


def test_only_two_human_eval_functions_exist_already() -> None:
    assert predefined("add")
    assert predefined("median")
    assert not predefined("has_close_elements")


def test_other_packages_than_the_named_are_not_found() -> None:
    folder = Path(__file__).parent
    finder = PackageFinder({"mine": str(folder)})
    spec = finder.find_spec("mine")
    assert spec is not None
    assert spec.submodule_search_locations == [str(folder)]
    assert finder.find_spec("yours") is None
    assert finder.find_spec("mine.test_prelude") is None


def test_readable_places_hold_no_package_folder_and_no_home() -> None:
    places = find_places({})
    assert not [path for path in places.readable if path.name in {"site-packages", "dist-packages"}]
    forbidden = (Path.home(), Path("/etc/passwd"), Path("/"), Path("/usr"), Path("/tmp"))
    assert not [path for path in (*places.readable, *places.listable) if path in forbidden]
