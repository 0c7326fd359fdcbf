# SPDX-License-Identifier: Apache-2.0
"""A span processor that ends a span while it starts."""

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider


class Ending(SpanProcessor):
    def on_start(self, span, parent_context=None):
        span.end()


provider = TracerProvider()
provider.add_span_processor(Ending())
provider.get_tracer("program").start_span("short")
