# SPDX-License-Identifier: Apache-2.0
"""Doing something once a module has been imported."""

import sys


def when_imported(name, action):
    """Calls action(module) right after the module's first import, or now where that has been. What action raises is swallowed."""
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    if module is None:
        sys.meta_path.insert(0, _Finder(name, action))
    elif getattr(spec, "_initializing", False):
        # It is being imported, and what it imports has led here.
        _at_end_of_import(spec, lambda: when_imported(name, action))
    else:
        _quietly(action, module)


def _at_end_of_import(spec, call):
    """Calls call() when the import under way of spec's module ends, well or not: then the import system lowers a flag in it."""
    plain = type(spec)
    waiting = [call]

    class Watched(plain):
        @property
        def _initializing(self):
            return vars(self)["_initializing"]

        @_initializing.setter
        def _initializing(self, value):
            if value:
                vars(self)["_initializing"] = value
                return
            # First back to what it was: that may be watched as well.
            self.__class__ = plain
            self._initializing = value
            ended()

    def ended():
        if waiting:
            waiting.pop()()

    spec.__class__ = Watched
    # Another thread may have ended the import just before.
    if not spec._initializing:
        spec.__class__ = plain
        ended()


def _quietly(action, module):
    try:
        action(module)
    except Exception:
        pass  # the service must not notice; `sltagent check --pid` shows that the process takes no part


class _Finder:
    """Stands before the other finders, lets them find the module, and adds to what its loader does."""

    def __init__(self, name, action):
        self.name = name
        self.action = action

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        for finder in list(sys.meta_path):
            find_spec = None if finder is self else getattr(finder, "find_spec", None)
            spec = None if find_spec is None else find_spec(name, path, target)
            if spec is not None:
                self._extend(spec.loader)
                return spec
        return None

    def _extend(self, loader):
        try:
            exec_module = loader.exec_module

            def exec_module_and_act(module):
                exec_module(module)
                if module.__name__ == self.name and self in sys.meta_path:
                    sys.meta_path.remove(self)
                    _quietly(self.action, module)

            loader.exec_module = exec_module_and_act
        except AttributeError:
            pass  # a loader that cannot be extended: the module is imported as ever
