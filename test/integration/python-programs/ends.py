"""Spans that end in unusual ways."""

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("ends")

twice = tracer.start_span("twice")
twice.end()
twice.end()

try:
    with tracer.start_as_current_span("raised"):
        raise KeyError("of the application")
except KeyError as error:
    print("caught", error)

told = tracer.start_span("told when")
told.end(end_time=told.start_time + 1_000_000)
print(told.end_time - told.start_time)

refused = tracer.start_span("refused")
refused.start()
refused.end()
