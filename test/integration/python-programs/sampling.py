"""Spans that are not recorded, and parents that live elsewhere."""

from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

off = TracerProvider(sampler=ALWAYS_OFF).get_tracer("off")
with off.start_as_current_span("not sampled"):
    pass

tracer = TracerProvider().get_tracer("on")
remote = NonRecordingSpan(SpanContext(0xABC, 0xDEF, True, TraceFlags(1)))
token = context.attach(trace.set_span_in_context(remote))
with tracer.start_as_current_span("child"):
    with off.start_as_current_span("not sampled, inside"):
        pass
context.detach(token)
