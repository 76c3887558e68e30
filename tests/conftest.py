"""What holds for all tests: none is judged by the clock, so that a busy machine fails none, and none writes at home."""

import os
import tempfile

from hypothesis import HealthCheck, settings

settings.register_profile("any_machine", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any_machine")
STATE = tempfile.TemporaryDirectory(prefix="saiten-state-", ignore_cleanup_errors=True)
os.environ["XDG_STATE_HOME"] = STATE.name
