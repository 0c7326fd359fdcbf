"""asyncio tasks that take turns, each in a span of its own, some with tasks and callbacks inside."""

import asyncio

import told
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("switching")


async def inner(name):
    told.check(f"{name}, inherited")
    await asyncio.sleep(0)
    with tracer.start_as_current_span(f"{name} inner"):
        await asyncio.sleep(0.001)
        told.check(f"{name}, inner")
    told.check(f"{name}, after inner")


async def fail(name):
    await asyncio.sleep(0)
    told.check(f"{name}, about to fail")
    raise ValueError(name)


async def task(number):
    name = f"task {number}"
    with tracer.start_as_current_span(name):
        for turn in range(5):
            await asyncio.sleep(0.001 * (number % 3))
            told.check(f"{name}, turn {turn}")
        await asyncio.gather(inner(f"{name} a"), inner(f"{name} b"))
        told.check(f"{name}, after gather")
        asyncio.get_running_loop().call_soon(told.check, f"{name}, callback")
        try:
            await asyncio.create_task(fail(name))
        except ValueError:
            told.check(f"{name}, after a failure")
        try:
            await asyncio.wait_for(asyncio.sleep(1), 0.002)
        except asyncio.TimeoutError:
            told.check(f"{name}, after a time-out")


async def main():
    told.check("main")
    await asyncio.gather(*(task(number) for number in range(8)))
    told.check("main, at the end")


asyncio.run(main())
told.check("after the loop")
told.report()
