"""A kernel: one compiled function with declared types, loaded when it is first wanted.

May live here: how a single function is declared and when it is compiled. May not: any function that computes something; rooms of
functions that are translated together (compiled.py).

    @kernel(int64(int64, int64))
    def larger(a, b): ...

Numba loads what has a signature when the decorator runs: two seconds of every start went into functions of which most are only
called by others, whose machine code holds them already. A kernel waits for the first call from Python, or for the first caller
that is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import config
from numba.core.compiler import Flags
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher
from numba.core.targetconfig import ConfigStack

_all: list[Kernel] = []  # every kernel that was declared with signatures


class Kernel(CPUDispatcher):
    """A function that takes exactly the types of its signatures, or any types where none was declared."""

    pending: tuple[Any, ...] = ()  # what is still to be loaded
    typed = False  # whether its types were declared

    def load(self) -> Kernel:
        """Compiled, or read from the cache, for all declared signatures."""
        # Two threads may want it at once. A function is compiled by its own options, not by those of the caller that wants it.
        own = Flags()
        own.nrt = True
        with global_compiler_lock, ConfigStack().enter(own):
            wanted, self.pending = self.pending, ()
            for signature in wanted:
                self.compile(signature)
            if wanted:
                self.disable_compile()
        return self

    def _compile_for_args(self, *args: Any, **kws: Any) -> Any:
        """What the dispatcher asks for when it knows no function for these arguments; it calls what it is given."""
        if self.load().typed:
            return self  # loaded now, by this thread or another
        return super()._compile_for_args(*args, **kws)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """What a compiled caller asks for."""
        self.load()
        return super().get_call_template(args, kws)


def kernel(*signatures: Any, cache: bool = True, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Declare a compiled function.

    signatures: Numba's, `int64(int64)` or a tuple of the arguments' types; none: compiled for whatever types it meets.
    cache: keep the machine code beside the source. options: those of `numba.njit`.
    With NUMBA_DISABLE_JIT set the function stays what it is.
    """

    def declare(function: Callable[..., Any]) -> Any:
        if config.DISABLE_JIT:
            return function
        made = Kernel(function, targetoptions={"nopython": True, **options})
        if cache:
            made.enable_caching()
        made.pending, made.typed = signatures, bool(signatures)
        if signatures:
            _all.append(made)
        return made

    return declare


def load_all() -> None:
    """Load every kernel of the modules that are imported: for a watch, which must not wait for one when the first call for help comes."""
    for one in _all:
        one.load()
