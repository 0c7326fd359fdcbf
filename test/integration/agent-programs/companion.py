"""Prints `ready`; then for each line on its input sleeps 100 ms in a span, and prints its ids. Ends with its input."""

import time

from tracing import ids, ready, tell, tracer

spans = tracer("companion")
for _ in ready():
    with spans.start_as_current_span("companion") as span:
        time.sleep(0.1)
    tell(**ids(span))
