# SPDX-License-Identifier: Apache-2.0
"""Start and end of the SDK's spans."""

import functools

from .imports import when_imported
from .resource import resource_text


def follow(sdk, context):
    """Announce the spans of `sdk` (the module opentelemetry.sdk.trace), and those current in `context`.

    TypeError where the SDK is not of the shape that the extension reads.
    """
    from opentelemetry.trace import SpanContext, TraceFlags
    from opentelemetry.trace.propagation import _SPAN_KEY

    if tuple(SpanContext(1, 2, True, TraceFlags(1)))[:4] != (1, 2, True, 1):
        raise TypeError("SpanContext is not the tuple that the extension reads")

    native = context.native
    native.configure(context._current_context, _SPAN_KEY, sdk.Span, resource_text)
    sdk.Span.start = functools.wraps(sdk.Span.start)(native.announced_start(sdk.Span.start))
    sdk.Span.end = functools.wraps(sdk.Span.end)(native.announced_end(sdk.Span.end))
    when_imported("uvloop.loop", native.follow_loop)
