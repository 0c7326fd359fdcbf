"""One slow span for each line of its standard input, with the plain SDK.

Prints `ready`, then the id of each span when it has ended. In it the program sleeps for 300 ms and
calls getppid(2) ten times, which the interpreter itself never does.
"""

import os
import sys
import time

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("slow_span")
print("ready", flush=True)
for _ in sys.stdin:
    with tracer.start_as_current_span("nap") as span:
        time.sleep(0.3)
        for _ in range(10):
            os.getppid()
    print(f"{span.get_span_context().span_id:016x}", flush=True)
