"""Prints the files of libslt that this process maps, each on a line."""

from opentelemetry.sdk.trace import TracerProvider

TracerProvider()
with open("/proc/self/maps") as maps:
    print("\n".join(sorted({line.split()[-1] for line in maps if "libslt" in line})))
