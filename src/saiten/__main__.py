"""`python -m saiten`."""

import sys

from saiten.cli import main

sys.exit(main())
