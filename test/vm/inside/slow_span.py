"""One slow span for each line of its standard input, with the plain SDK.

Prints `ready`, then the id of each span when it has ended. Its name is the line. In `nap` the program sleeps
for 300 ms and calls getppid(2) ten times, which the interpreter itself never does; in `pipe` it reads
from a pipe until another thread writes, 400 ms later.

It sleeps by usleep(3), whose call lasts 300 ms at least: time.sleep() fixes the moment of its end before
it calls the kernel, so that a slow machine makes the call shorter (seen under emulation: 299.27 ms).
"""

import ctypes
import os
import sys
import threading

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("slow_span")
usleep = ctypes.CDLL(None).usleep
reader, writer = os.pipe()


def nap():
    usleep(300_000)
    for _ in range(10):
        os.getppid()


def write_later():
    begun.wait()
    usleep(400_000)
    os.write(writer, b"x")


def pipe():
    begun.set()
    os.read(reader, 1)


print("ready", flush=True)
for line in sys.stdin:
    begun = threading.Event()
    if line == "pipe\n":
        threading.Thread(target=write_later).start()
    with tracer.start_as_current_span(line.strip()) as span:
        nap() if line == "nap\n" else pipe()
    print(f"{span.get_span_context().span_id:016x}", flush=True)
