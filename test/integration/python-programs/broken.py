"""A span which is not as the library expects."""

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("broken")

with tracer.start_as_current_span("whole"):
    with tracer.start_as_current_span("broken") as span:
        kept, span._parent = span._parent, "no span context"
    span._parent = kept
    with tracer.start_as_current_span("after"):
        print("works")
