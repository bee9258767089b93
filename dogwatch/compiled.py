"""A compiled room: many small functions, one library, one entry for Python. The one place that knows how Numba is driven.

May live here: how functions are declared and compiled. May not: any function that computes something.

Numba by itself makes a library of machine code out of every function and, for each function that calls others, links
and optimises all of theirs again: a kernel of seventy small functions is compiled many times over. Here every inner
function goes into one common library, which is optimised once, when the entry joins it; what the optimiser has inlined
everywhere is dropped. That takes half of the time, and the code comes out the same.

    unit = Unit()

    @unit.inner(int64(int64))      callable from the unit's functions only; without a compiler, an ordinary function
    def double(x): ...

    @unit.entry(int64(int64))      what Python calls: compiled, or loaded from the cache, when its module is imported
    def run(x): ...

The cache notices a change of the entry's own file only: inner functions must stand in the same file as their entry.
Nothing here may allocate: the code runs without Numba's memory runtime, and so without counting references at each call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import config, njit
from numba.core.compiler import Compiler, Flags, compile_extra
from numba.core.registry import cpu_target
from numba.core.typing.templates import make_concrete_template

COMPILED = not config.DISABLE_JIT


class Unit:
    """Functions that are compiled together."""

    def __init__(self) -> None:
        self._inner: list[tuple[Callable[..., Any], Any]] = []
        self._kept: list[Any] = []  # an entry is a bare C function; what it runs in lives here

    def inner(self, signature: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a function that the unit's other functions call. Its signature is explicit: nothing is compiled twice for other types."""

        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            if COMPILED:
                cpu_target.typing_context.insert_user_function(function, make_concrete_template(function.__name__, function, [signature]))
                self._inner.append((function, signature))
            return function

        return declare

    def entry(self, signature: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Compile the function that Python calls, or load it from the cache; it takes exactly the types of its signature."""

        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            if not COMPILED:
                return function
            unit = self

            class InOneLibrary(Compiler):
                """Numba's ordinary steps, into a library that already holds the inner functions. Only made when the cache has nothing."""

                def __init__(self, typing: Any, target: Any, _: Any, *rest: Any) -> None:
                    super().__init__(typing, target, unit._library(), *rest)

            options: dict[str, Any] = {"error_model": "numpy", "nogil": True, "_nrt": False, "no_cfunc_wrapper": True, "pipeline_class": InOneLibrary}
            dispatcher = njit(cache=True, **options)(function)
            dispatcher.compile(signature)
            self._kept.append(dispatcher)
            return dispatcher.overloads[signature.args].entry_point

        return declare

    def _library(self) -> Any:
        """One library with all inner functions, each visible to those after it and to be dropped where it was inlined."""
        context = cpu_target.target_context
        library = context.codegen().create_library("unit")
        library.enable_object_caching()
        for function, signature in self._inner:
            flags = Flags()
            flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
            flags.error_model, flags.nrt, flags.boundscheck = "numpy", False, False
            made = compile_extra(cpu_target.typing_context, context, function, signature.args, signature.return_type, flags, {}, library=library)
            library._final_module.get_function(made.fndesc.llvm_func_name).linkage = "linkonce_odr"
            context.insert_user_function(function, made.fndesc)
        return library
