"""Spans that stay open as long as the test likes: `start NAME`, `work NAME MILLISECONDS`, `end NAME`. Answers each line with the span's ids."""

import time

from opentelemetry import trace
from tracing import ids, ready, tell, tracer

spans = tracer("open")
started = {}
for line in ready():
    what, name, *rest = line.split()
    if what == "start":
        started[name] = spans.start_span(name)
    elif what == "work":
        with trace.use_span(started[name]):
            time.sleep(int(rest[0]) / 1000)
    else:
        started[name].end()
    tell(**ids(started[name]))
