# SPDX-License-Identifier: Apache-2.0
"""The SDK is what it imports first: that brings OpenTelemetry's API, and with it the library, in the middle of the SDK's own import."""

import os
import sys

if "SLT_TEST_FAIL_FIRST" in os.environ:
    os.environ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"] = "many"  # which the SDK reads late in its import, and refuses
    try:
        import opentelemetry.sdk.trace
    except ValueError:
        del os.environ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"]

from opentelemetry.sdk.trace import TracerProvider

with TracerProvider().get_tracer("program").start_as_current_span("alone"):
    pass
assert type(sys.modules["opentelemetry.sdk.trace"].__spec__).__name__ == "ModuleSpec"
