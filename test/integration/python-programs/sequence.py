"""Two spans, one in the other, with the plain SDK. Prints their ids as JSON."""

import json

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

attributes = {"list": [1, 2], "service.name": "shop", "ratio": 0.5, "nul": "a\0b", "mark": "\1x", "long": "x" * 5000}
trace.set_tracer_provider(TracerProvider(resource=Resource(attributes)))
tracer = trace.get_tracer("sequence")

with tracer.start_as_current_span("outer", kind=SpanKind.SERVER) as outer:
    with tracer.start_as_current_span("inner") as inner:
        inner.update_name("GET /straße/" + "é" * 40)

print(
    json.dumps(
        {
            name: {
                "span": f"{span.get_span_context().span_id:016x}",
                "trace": f"{span.get_span_context().trace_id:032x}",
                "start": str(span.start_time),
                "end": str(span.end_time),
            }
            for name, span in (("outer", outer), ("inner", inner))
        }
    )
)
