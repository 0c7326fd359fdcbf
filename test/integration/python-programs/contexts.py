"""contextvars.Context.run, which the library replaces, as a program may use it itself."""

import contextvars

import told
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("contexts")


def add(a, *, b):
    told.check("in run")
    return a + b


def fail():
    told.check("in a run that fails")
    raise LookupError("of the application")


span = tracer.start_span("copied")
with trace.use_span(span):
    copied = contextvars.copy_context()
    told.check("in the span")
empty = contextvars.Context()

assert copied.run(add, 1, b=2) == 3
told.check("after run")
with tracer.start_as_current_span("other"):
    assert empty.run(add, 1, b=2) == 3
    told.check("after an empty context")
    assert copied.run(lambda: empty.run(add, 3, b=4)) == 7
    told.check("after two contexts")
    try:
        copied.run(fail)
    except LookupError as error:
        print(error)
    told.check("after a run that failed")
    try:
        copied.run(copied.run, fail)  # a context cannot be entered twice
    except RuntimeError as error:
        print(type(error).__name__)
    told.check("after a run that was refused")
    try:
        copied.run()
    except TypeError as error:
        print(type(error).__name__)
told.check("at the end")
told.report()
