"""An agent that comes in mid-span, goes, and comes again."""

import ctypes

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

agent = ctypes.CDLL(None)
trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("attaching")

with tracer.start_as_current_span("nobody there"):
    agent.probe_trap_raise()
    with tracer.start_as_current_span("first agent"):
        pass
    agent.probe_trap_lower()
    with tracer.start_as_current_span("nobody again"):
        agent.probe_trap_raise()
        with tracer.start_as_current_span("second agent"):
            pass
