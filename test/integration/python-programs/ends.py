"""Spans that end in unusual ways."""

import copy
import pickle
import time
import weakref

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("ends")

twice = tracer.start_span("twice")
twice.end()
twice.end()

try:
    with tracer.start_as_current_span("raised"):
        raise KeyError("of the application")
except KeyError as error:
    print("caught", error)

told = tracer.start_span("told when")
told.end(end_time=told.start_time + 1_000_000)
print(told.end_time - told.start_time)

refused = tracer.start_span("refused")
refused.start()
refused.end()

# Neither is an int, which the SDK does not mind before it exports; the spans after it are as ever.
floating = tracer.start_span("floating", start_time=time.time() * 1e9)
floating.end(end_time=time.time() * 1e9)
negative = tracer.start_span("negative", start_time=-1)
negative.end()
with tracer.start_as_current_span("after"):
    pass

# What a program may do with any method.
recording = type(twice)
keyword = tracer.start_span("by keyword")
recording.end(self=keyword)
print(keyword.end_time is not None)
print(weakref.WeakMethod(keyword.end)() == keyword.end, pickle.loads(pickle.dumps(recording.end)) is recording.end)
print(copy.deepcopy([recording.start])[0] is recording.start)

# The SDK's own error; the spans after it are as ever.
try:
    recording.__new__(recording).start()
except AttributeError as error:
    print("refused", type(error).__name__)
with tracer.start_as_current_span("last"):
    pass
