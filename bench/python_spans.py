# SPDX-License-Identifier: Apache-2.0
"""What the OpenTelemetry SDK for Python spends on a span of its own, without us.

Each line of standard input is a number of spans; the answer is the nanoseconds of
this thread's CPU time for each. The spans go through the batch processor, as in production, to an
exporter that throws them away.
"""

import os
import sys
import time

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult


class Discard(SpanExporter):
    def export(self, spans):
        return SpanExportResult.SUCCESS


def main():
    os.sched_setaffinity(0, {int(sys.argv[1])})
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Discard()))
    tracer = provider.get_tracer("bench")
    for line in sys.stdin:
        count = int(line)
        began = time.thread_time_ns()
        for _ in range(count):
            with tracer.start_as_current_span("GET /bench"):
                pass
        print((time.thread_time_ns() - began) / count, flush=True)


main()
