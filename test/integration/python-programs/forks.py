"""os.fork in mid-span, and multiprocessing. Prints the children's process ids as JSON."""

import json
import multiprocessing
import os

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("forks")


def work():
    with tracer.start_as_current_span("in a process"):
        pass


if __name__ == "__main__":
    with tracer.start_as_current_span("before the fork"):
        forked = os.fork()
        if forked == 0:
            with tracer.start_as_current_span("in the fork"):
                pass
            os._exit(0)
        assert os.waitpid(forked, 0)[1] == 0
    children = [multiprocessing.get_context(method).Process(target=work) for method in ("fork", "spawn")]
    for child in children:
        child.start()
        child.join()
        assert child.exitcode == 0
    print(json.dumps([forked, *(child.pid for child in children)]))
