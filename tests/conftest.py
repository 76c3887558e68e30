"""What holds for all tests: no test is judged by the clock, so that a busy machine fails none."""

from hypothesis import HealthCheck, settings

settings.register_profile("any_machine", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any_machine")
