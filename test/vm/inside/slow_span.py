"""One slow span for each line of its standard input, with the plain SDK.

Prints `ready`, then the id of each span when it has ended. In it the program sleeps for 300 ms and
calls getppid(2) ten times, which the interpreter itself never does.

It sleeps by usleep(3), whose call lasts 300 ms at least: time.sleep() fixes the moment of its end before
it calls the kernel, so that a slow machine makes the call shorter (seen under emulation: 299.27 ms).
"""

import ctypes
import os
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("slow_span")
usleep = ctypes.CDLL(None).usleep
print("ready", flush=True)
for _ in sys.stdin:
    with tracer.start_as_current_span("nap") as span:
        usleep(300_000)
        for _ in range(10):
            os.getppid()
    print(f"{span.get_span_context().span_id:016x}", flush=True)
