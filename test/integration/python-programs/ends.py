"""Spans that end in unusual ways."""

import time

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

# Neither is an int, which the SDK does not mind before it exports; the spans after it are as ever.
floating = tracer.start_span("floating", start_time=time.time() * 1e9)
floating.end(end_time=time.time() * 1e9)
negative = tracer.start_span("negative", start_time=-1)
negative.end()
with tracer.start_as_current_span("after"):
    pass
