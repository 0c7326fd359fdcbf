"""32 workers at once, each in a span of its own, that read with a size which no other worker uses.

    files.py FOLDER threads|tasks WORKERS

Prints `ready`; then for each line on its input runs the workers, and prints what each did: its ids and its size.
"""

import asyncio
import os
import sys
import threading
import time
from pathlib import Path

from tracing import ids, ready, tell, tracer

folder, kind, workers = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
spans = tracer("files")
TURNS = 15


def size_of(number: int) -> int:
    return 1001 + number


def turn(file: int, size: int) -> None:
    """Where it reads is also its own: offsets of worker N begin at N megabytes."""
    assert len(os.pread(file, size, size << 20)) == 0
    os.lseek(file, size, os.SEEK_SET)


def in_thread(number: int, gate: threading.Barrier, done: list) -> None:
    size = size_of(number)
    with spans.start_as_current_span(f"worker {number}") as span:
        gate.wait()
        file = os.open(folder / f"file-{number}", os.O_CREAT | os.O_RDONLY)
        for _ in range(TURNS):
            turn(file, size)
            time.sleep(0.004)
        os.close(file)
    done.append({**ids(span), "number": number, "size": size})


def threads() -> list:
    gate, done = threading.Barrier(workers), []
    started = [threading.Thread(target=in_thread, args=(number, gate, done)) for number in range(workers)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return done


async def in_task(number: int) -> dict:
    size = size_of(number)
    with spans.start_as_current_span(f"worker {number}") as span:
        file = os.open(folder / f"file-{number}", os.O_CREAT | os.O_RDONLY)
        for _ in range(TURNS):
            turn(file, size)
            await asyncio.sleep(0.004)
        os.close(file)
    return {**ids(span), "number": number, "size": size}


async def together() -> list:
    return await asyncio.gather(*(in_task(number) for number in range(workers)))


for _ in ready():
    for result in threads() if kind == "threads" else asyncio.run(together()):
        tell(**result)
