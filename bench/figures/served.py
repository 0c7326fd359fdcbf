# SPDX-License-Identifier: Apache-2.0
"""The program of figure B: requests, each one span, with injected system calls.

    served.py CPU none | sdk OTLP-URL

Each line of standard input is `REQUESTS CALLS`; the answer is the milliseconds of wall time that it took to serve so
many requests with so many getppid each, and to have their spans acknowledged by the receiver.
"""

import os
import sys
import time


def serve(calls: int) -> None:
    for _ in range(calls):
        os.getppid()


def untraced(requests: int, calls: int) -> None:
    for _ in range(requests):
        serve(calls)


def with_sdk(url: str):
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "requests"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(url + "/v1/traces")))
    tracer = provider.get_tracer("bench")

    def traced(requests: int, calls: int) -> None:
        for _ in range(requests):
            with tracer.start_as_current_span("GET /bench"):
                serve(calls)
        provider.force_flush()

    return traced


os.sched_setaffinity(0, {int(sys.argv[1])})
run = with_sdk(sys.argv[3]) if sys.argv[2] == "sdk" else untraced
for line in sys.stdin:
    requests, calls = map(int, line.split())
    began = time.perf_counter_ns()
    run(requests, calls)
    print((time.perf_counter_ns() - began) / 1e6, flush=True)
