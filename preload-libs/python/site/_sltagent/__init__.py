# SPDX-License-Identifier: Apache-2.0
"""Announces the spans of the OpenTelemetry SDK to Span Latency Tracker.

Comes into a service by its environment alone:

    PYTHONPATH=<the folder that this package lies in>[:what it was]
    OTEL_PYTHON_CONTEXT=slt

OpenTelemetry's API then takes its runtime context from the entry point `slt` in
the group `opentelemetry_context`, that is, from runtime_context() below, at its
first import in each process.

The service never notices: what cannot be had here (an extension for this
interpreter, an SDK of a known shape) leaves OpenTelemetry as it is.
"""


def runtime_context():
    """OpenTelemetry's own runtime context, followed where that is possible."""
    from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext

    try:
        from . import context, imports, native, spans

        followed = context.followed(ContextVarsRuntimeContext, native.load())
        imports.when_imported("opentelemetry.sdk.trace", lambda module: spans.follow(module, followed))
        return followed
    except Exception:
        return ContextVarsRuntimeContext()
