"""What the programs here share: a provider whose service name is set in code, and how they tell of their spans."""

import json
import os
import sys

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider


def tracer(service: str):
    trace.set_tracer_provider(TracerProvider(resource=Resource.create({"service.name": service})))
    return trace.get_tracer(service)


def ids(span) -> dict:
    context = span.get_span_context()
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def tell(**values) -> None:
    print(json.dumps(values), flush=True)


def ready():
    """Says so, and gives the lines that the test then says. Before that it becomes the user that the test asks for."""
    user = os.environ.get("BECOME_USER")
    if user is not None:
        os.setgroups([])
        os.setresgid(int(user), int(user), int(user))
        os.setresuid(int(user), int(user), int(user))
    print("ready", flush=True)
    for line in sys.stdin:
        yield line.strip()
