"""`python -m saiten.results.details_process`: `details_main` without libraries that pyarrow would load for nothing."""

from __future__ import annotations

import sys


class Unneeded:
    """Finds no pandas and no numpy: pyarrow loads them wherever they are installed, 60 MB and 0.7 s for nothing."""

    def find_spec(self, fullname: str, _path: object, _target: object = None, /) -> None:
        """Raise ImportError for both. (None in `sys.modules` does not do: compiled modules take it for pandas.)"""
        if fullname in {"numpy", "pandas"}:
            raise ModuleNotFoundError(fullname)


if __name__ == "__main__":
    sys.meta_path.insert(0, Unneeded())
    from saiten.results.details_main import main

    sys.exit(main())
