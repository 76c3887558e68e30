"""`python -m saiten.results.details_process`: `details_main` without libraries that pyarrow would load for nothing."""

from __future__ import annotations

import sys

UNNEEDED = frozenset(
    {"cloudpickle", "numpy", "pandas", "pyarrow._azurefs", "pyarrow._gcsfs", "pyarrow._hdfs", "pyarrow._s3fs"}
)
"""What pyarrow does without: it loads each of them where it is installed, 60 MB and 0.7 s for nothing."""


class Unneeded:
    """Finds none of `UNNEEDED`."""

    def find_spec(self, fullname: str, _path: object, _target: object = None, /) -> None:
        """Raise ImportError for these. (None in `sys.modules` does not do: compiled modules take it for pandas.)"""
        if fullname in UNNEEDED:
            raise ModuleNotFoundError(fullname)


if __name__ == "__main__":
    sys.meta_path.insert(0, Unneeded())
    from saiten.results.details_main import main

    sys.exit(main())
