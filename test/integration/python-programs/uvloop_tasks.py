"""Tasks of uvloop that take turns, each in a span of its own. With SLT_TEST_LATE: the loop is imported after the SDK."""

import asyncio
import os

LATE = "SLT_TEST_LATE" in os.environ
if not LATE:
    import uvloop

import told
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

if LATE:
    import uvloop

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("uvloop")


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        told.check("in a protocol")
        self.transport.write(data)


async def task(number, address):
    name = f"task {number}"
    with tracer.start_as_current_span(name):
        reader, writer = await asyncio.open_connection(*address)
        told.check(f"{name}, connected")
        for turn in range(5):
            await asyncio.sleep(0.001 * number)
            told.check(f"{name}, turn {turn}")
            writer.write(b"x")
            await reader.readexactly(1)
            told.check(f"{name}, answered in turn {turn}")
        asyncio.get_running_loop().call_soon(told.check, f"{name}, callback")
        try:
            await asyncio.wait_for(asyncio.sleep(1), 0.002)
        except asyncio.TimeoutError:
            told.check(f"{name}, after a time-out")
        await asyncio.get_running_loop().run_in_executor(None, int)
        told.check(f"{name}, after the executor")
        writer.close()
    told.check(f"{name}, at its end")


async def main():
    told.check("main")
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    await asyncio.gather(*(task(number, server.sockets[0].getsockname()) for number in range(2)))
    told.check("main, at the end")
    server.close()


loop = uvloop.new_event_loop()
assert type(loop).__module__ == "uvloop", type(loop)
loop.run_until_complete(main())
told.check("after the loop")
loop.close()
told.report()
