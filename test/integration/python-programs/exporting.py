"""A span processor that exports at the span's end and takes its time."""

import os
import time

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider


class Exporting(SpanProcessor):
    def on_end(self, span):
        with open(os.environ["SLT_TEST_RECORD"]) as record:
            print("announced" if any(line.startswith("end\t") for line in record) else "not announced")
        time.sleep(0.05)


provider = TracerProvider()
provider.add_span_processor(Exporting())
with provider.get_tracer("exporting").start_as_current_span("exported") as span:
    pass
