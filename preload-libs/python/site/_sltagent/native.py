# SPDX-License-Identifier: Apache-2.0
"""The C extension, of which there is one for each interpreter's ABI (preload-libs/python/build.sh)."""

import importlib.machinery
import importlib.util
import os
import sys
import sysconfig

NAME = "_sltagent_native"


def path():
    """Where this interpreter's extension lies: build/python/<ABI>/ of the tree that this file belongs to."""
    root = os.path.realpath(__file__)
    for _ in range(5):  # _sltagent, site, python, preload-libs
        root = os.path.dirname(root)
    return os.path.join(root, "build", "python", sysconfig.get_config_var("SOABI"), NAME + ".so")


def load():
    """The extension. ImportError where there is none for this interpreter."""
    if NAME in sys.modules:
        return sys.modules[NAME]
    loader = importlib.machinery.ExtensionFileLoader(NAME, path())
    spec = importlib.util.spec_from_loader(NAME, loader)
    # libslt's otel_thread_ctx_v1 must be no other library's: ddtrace would take our record for its own, and free it.
    flags = sys.getdlopenflags()
    sys.setdlopenflags(flags & ~os.RTLD_GLOBAL)
    try:
        module = importlib.util.module_from_spec(spec)
    finally:
        sys.setdlopenflags(flags)
    loader.exec_module(module)
    sys.modules[NAME] = module
    return module
