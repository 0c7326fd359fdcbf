"""One function for each thing that a span can do; a line on its input names one. Answers one JSON object for each:
the ids of its span, and what the program itself measured or counted of it. Ends with its input.

    reasons.py FOLDER
"""

import errno
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

from tracing import ids, ready, tell, tracer

spans = tracer("reasons")
folder = Path(sys.argv[1])


def sleep() -> dict:
    time.sleep(0.1)
    return {}


def burn() -> dict:
    until = time.thread_time() + 0.1
    while time.thread_time() < until:
        sum(range(10_000))
    return {}


def disk() -> dict:
    """Until the disk alone has taken 60 ms."""
    waited = writes = 0
    file = os.open(folder / "journal", os.O_CREAT | os.O_WRONLY)
    while waited < 0.06:
        os.write(file, bytes(128 * 1024))
        before = time.monotonic()
        os.fsync(file)
        waited += time.monotonic() - before
        writes += 1
    os.close(file)
    return {"writes": writes}


def reads() -> dict:
    """500 reads of which each is answered, 7 opens of nothing, 3 closes of what is closed."""
    file = os.open(folder / "records", os.O_CREAT | os.O_RDWR)
    os.truncate(file, 4096)
    for number in range(500):
        os.pread(file, 1 + number % 16, number)
    for _ in range(7):
        try:
            os.open(folder / "nothing", os.O_RDONLY)
        except FileNotFoundError:
            pass
    os.close(file)
    for _ in range(3):
        try:
            os.fdatasync(file)
        except OSError as error:
            assert error.errno == errno.EBADF
    time.sleep(0.05)
    return {}


def few_slow_among_many() -> dict:
    """Slow calls first, then far more fast ones than are kept."""
    file = os.open(folder / "records", os.O_CREAT | os.O_RDONLY)
    for length in (12, 14, 16, 18, 20):
        time.sleep(length / 1000)
    for number in range(400):
        os.pread(file, 64, number)
    os.close(file)
    return {}


def excluded() -> dict:
    for _ in range(50):
        os.getppid()
    for _ in range(50):
        os.getpgid(0)
    time.sleep(0.05)
    return {}


def two_threads() -> dict:
    """Two threads sleep for the span at the same time, of which one is its own."""
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(copy_context().run, time.sleep, 0.1)
        time.sleep(0.1)
        beside.result()
    return {}


def lock() -> dict:
    taken = threading.Lock()
    taken.acquire()
    threading.Timer(0.1, taken.release).start()
    taken.acquire()
    return {}


def family() -> dict:
    """A slow child whose calls are its own, and a fast one whose calls become its parent's."""
    file = os.open(folder / "records", os.O_CREAT | os.O_RDONLY)
    with spans.start_as_current_span("slow child") as slow:
        for _ in range(11):
            os.pread(file, 8, 0)
        time.sleep(0.08)
    with spans.start_as_current_span("fast child") as fast:
        for _ in range(5):
            os.pread(file, 8, 0)
    for _ in range(3):
        os.pread(file, 8, 0)
    os.close(file)
    return {"slow": ids(slow)["span_id"], "fast": ids(fast)["span_id"]}


for name in ready():
    # Outside of the span: a thread's CPU clock is a system call, and the calls of the span are counted.
    wall, cpu = time.monotonic(), time.thread_time()
    with spans.start_as_current_span(name) as span:
        inside = time.monotonic()
        found = globals()[name]()
        inside = time.monotonic() - inside
    wall, cpu = time.monotonic() - wall, time.thread_time() - cpu
    tell(
        **ids(span),
        wall_us=round(wall * 1e6),
        inside_us=round(inside * 1e6),
        cpu_us=round(cpu * 1e6),
        thread=threading.get_native_id(),
        **found,
    )
