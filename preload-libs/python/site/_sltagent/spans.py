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
    sdk.Span.start = announced_start(sdk.Span.start, native.span_start)
    sdk.Span.end = announced_end(sdk.Span.end, native.span_end)
    when_imported("uvloop.loop", native.follow_loop)


def announced_start(start, announce):
    @functools.wraps(start)
    def announced(self, *args, **kwargs):
        # The SDK refuses a second start; it is not announced either.
        is_first = getattr(self, "_start_time", None) is None
        result = start(self, *args, **kwargs)
        if is_first:
            announce(self)
        return result

    return announced


def announced_end(end, announce):
    @functools.wraps(end)
    def announced(self, *args, **kwargs):
        # Before, because the SDK's own end may export the span at once, which is no part of it.
        announce(self, args[0] if args else kwargs.get("end_time"))
        return end(self, *args, **kwargs)

    return announced
