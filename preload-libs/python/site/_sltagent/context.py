# SPDX-License-Identifier: Apache-2.0
"""OpenTelemetry's runtime context, with the change of the current span announced."""

from contextvars import ContextVar


def followed(base, native):
    """An instance of ContextVarsRuntimeContext (base) that tells `native` of each attach and detach.

    TypeError where the context is not kept in a ContextVar, as the extension reads it there.
    """
    changed = native.context_changed

    # The two lines of the base are repeated, not called: they run several times in each span.
    class FollowedRuntimeContext(base):
        def attach(self, context):
            token = self._current_context.set(context)
            changed()
            return token

        def detach(self, token):
            self._current_context.reset(token)
            changed()

    instance = FollowedRuntimeContext()
    if not isinstance(getattr(instance, "_current_context", None), ContextVar):
        raise TypeError("the runtime context has no variable")
    instance.native = native
    return instance
