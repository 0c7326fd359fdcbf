# SPDX-License-Identifier: Apache-2.0
"""A program whose extensions are loaded for all to see. Prints the symbols of libslt that another library would be bound to."""

import ctypes
import os
import sys

flags = os.RTLD_NOW | os.RTLD_GLOBAL
sys.setdlopenflags(flags)

from opentelemetry.sdk.trace import TracerProvider

with TracerProvider().get_tracer("program").start_as_current_span("span"):
    pass
assert sys.getdlopenflags() == flags
assert "libslt.so" in open("/proc/self/maps").read()
print([name for name in ("slt_enabled", "otel_thread_ctx_v1") if hasattr(ctypes.CDLL(None), name)])
