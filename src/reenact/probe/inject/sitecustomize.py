"""Start-up of the probe in the user's interpreter.

This folder is put first on PYTHONPATH; Python's ``site`` imports this module before the program starts. It takes itself
off ``sys.path``, loads the probe under a private name, and then lets the ``sitecustomize`` that it shadows run as if it
had been found first. Where there is none it raises the ImportError that ``site`` expects, so that no module of ours
is left under that name.
"""

import sys


def _start():
    import os

    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or os.curdir) != here]
    settings = os.environ.get("REENACT_PROBE")
    if not settings:
        return
    before = set(sys.modules)
    try:
        package = type(sys)("_reenact")
        package.__path__ = [os.path.dirname(os.path.dirname(here))]
        sys.modules["_reenact"] = package
        from _reenact.probe import boot

        boot.start(settings, before)
    except Exception as problem:
        if os.environ.get("REENACT_DEBUG"):
            sys.stderr.write(f"reenact: the probe did not start: {problem!r}\n")


def _shadowed():
    """The spec of the sitecustomize that the program would have had, or None."""
    import _frozen_importlib_external as external

    return external.PathFinder.find_spec("sitecustomize")


_start()
_spec = _shadowed()
del _start, _shadowed
if _spec is None or _spec.loader is None:
    raise ImportError("No module named 'sitecustomize'", name="sitecustomize")
__spec__ = _spec
__file__ = _spec.origin
__loader__ = _spec.loader
__cached__ = _spec.cached
exec(_spec.loader.get_code("sitecustomize"))
