"""OpenTelemetry's API and no SDK."""

import asyncio
import sys

from opentelemetry import trace


async def main():
    with trace.get_tracer("none").start_as_current_span("of nobody"):
        await asyncio.sleep(0)


asyncio.run(main())
print("opentelemetry.sdk" in sys.modules)
