"""Threads of a pool: a context is theirs only where the program hands one over."""

import threading
from concurrent.futures import ThreadPoolExecutor

import told
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("pool")
meet = threading.Barrier(4)


def work(parent, number):
    told.check(f"{number}, before")
    token = context.attach(parent)
    told.check(f"{number}, attached")
    with tracer.start_as_current_span(f"work {number}"):
        meet.wait(10)
        told.check(f"{number}, in a span of its own")
    context.detach(token)
    told.check(f"{number}, detached")


with tracer.start_as_current_span("request"):
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work, context.get_current(), number) for number in range(8)]:
            future.result(10)
    told.check("request")
ended_elsewhere = tracer.start_span("ended elsewhere")
thread = threading.Thread(target=ended_elsewhere.end)
thread.start()
thread.join()
told.report()
