"""A compiled room: many small functions, one library, one entry for Python. The one place that knows how Numba is driven.

May live here: how functions are declared and compiled. May not: any function that computes something.

Numba by itself makes a library of machine code out of every function and, for each function that calls others, links
and optimises all of theirs again: a kernel of a hundred small functions is compiled many times over. Here every inner
function goes into one common library, which is optimised once, when the entry joins it; what the optimiser has inlined
everywhere is dropped. Steps of the compiler that plain functions of numbers and arrays do not need are left out, and
what an operator makes of its types is looked up once. Together that takes less than half of the time, and the machine
code comes out the same.

    unit = Unit()

    @unit.inner(int64(int64))      callable from the unit's functions only; without a compiler, an ordinary function
    def double(x): ...

    @unit.entry(int64(int64))      what Python calls, as run.load()(x)
    def run(x): ...

An entry is compiled, or loaded from the cache, when it is first wanted, and with it only the functions that it can reach.

The cache notices a change of the entry's own file only: inner functions must stand in the same file as their entry.
Nothing here may allocate: the code runs without Numba's memory runtime, and so without counting references at each call.
"""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba import config, njit, types
from numba.core import typed_passes, untyped_passes
from numba.core.compiler import CompilerBase, Flags, compile_extra
from numba.core.compiler_machinery import PassManager
from numba.core.registry import cpu_target
from numba.core.types.functions import BaseFunction
from numba.core.typing.templates import make_concrete_template

COMPILED = not config.DISABLE_JIT
STEPS = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.RewriteSemanticConstants,
    untyped_passes.DeadBranchPrune,
    untyped_passes.ReconstructSSA,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    typed_passes.IRLegalization,
    typed_passes.NativeLowering,
    typed_passes.NoPythonBackend,
)


class Steps(CompilerBase):
    """Numba's compiler without the steps for closures, array expressions, parallel loops and Python objects."""

    def define_pipelines(self) -> list[PassManager]:
        manager = PassManager("plain functions")
        for step in STEPS:
            manager.add_pass(step, step.name())
        manager.finalize()
        return [manager]


class Typing(type(cpu_target.typing_context)):  # type: ignore[misc]
    """Numba's typing, which finds out once what an operator makes of its types instead of at every place where it stands."""

    known: dict[Any, Any]

    def refresh(self) -> None:
        """Nothing is registered while a unit is compiled."""

    def resolve_function_type(self, func: Any, args: Any, kws: Any) -> Any:
        if kws:
            return super().resolve_function_type(func, args, kws)
        key = func, tuple(types.unliteral(each) for each in args)
        if (found := self.known.get(key)) is None:
            found = self.known[key] = super().resolve_function_type(func, key[1], kws)
        return found


@contextmanager
def remembered_calls() -> Iterator[None]:
    """While its code is generated, Numba asks again for the type of every operation, though the answer was found when types were inferred."""
    ask, known = BaseFunction.get_call_type, dict[Any, Any]()

    def get_call_type(self: Any, context: Any, args: Any, kws: Any) -> Any:
        if kws:
            return ask(self, context, args, kws)
        key = self, tuple(args)
        if (found := known.get(key)) is None:
            found = known[key] = ask(self, context, args, kws)
        return found

    BaseFunction.get_call_type = get_call_type  # type: ignore[method-assign]
    try:
        yield
    finally:
        BaseFunction.get_call_type = ask  # type: ignore[method-assign]


@contextmanager
def no_collecting() -> Iterator[None]:
    """A compiler makes millions of objects that live as long as it works: looking through them for garbage is a tenth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Unit:
    """Functions that are compiled together."""

    def __init__(self) -> None:
        self._inner: dict[Callable[..., Any], tuple[Any, bool]] = {}  # in the order of declaration: callee before caller

    def inner(self, signature: Any, *, inline: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a function that the unit's other functions call. Its signature is explicit: nothing is compiled twice for other types.

        inline: wherever it is called, even where the optimiser would find it too long.
        """

        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            if COMPILED:
                cpu_target.typing_context.insert_user_function(function, make_concrete_template(function.__name__, function, [signature]))
                self._inner[function] = signature, inline
            return function

        return declare

    def entry(self, signature: Any) -> Callable[[Callable[..., Any]], Entry]:
        """Declare a function that Python calls; it takes exactly the types of its signature."""
        return lambda function: Entry(self, function, signature)

    def library(self, typing: Typing, entry: Callable[..., Any]) -> Any:
        """One library with the inner functions that an entry can reach, each visible to those after it and to be dropped where it was inlined."""
        context = cpu_target.target_context
        library = context.codegen().create_library("unit")
        library.enable_object_caching()
        reached = self._reached(entry)
        for function, (signature, inline) in self._inner.items():
            if function not in reached:
                continue
            flags = Flags()
            flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
            flags.error_model, flags.nrt, flags.boundscheck = "numpy", False, False
            flags.forceinline = inline
            made = compile_extra(typing, context, function, signature.args, signature.return_type, flags, {}, library=library, pipeline_class=Steps)
            library._final_module.get_function(made.fndesc.llvm_func_name).linkage = "linkonce_odr"
            context.insert_user_function(function, made.fndesc)
        return library

    def forget(self) -> None:
        """Another entry has a library of its own, and must not call into this one."""
        for function in self._inner:
            cpu_target.target_context._defns.pop(function, None)

    def _reached(self, entry: Callable[..., Any]) -> set[Callable[..., Any]]:
        reached: set[Callable[..., Any]] = set()
        ahead = [entry]
        while ahead:
            names = ahead.pop().__code__.co_names
            ahead += [each for each in self._inner if each.__name__ in names and each not in reached]
            reached.update(ahead)
        return reached


class Entry:
    """A function of a unit that Python calls."""

    def __init__(self, unit: Unit, function: Callable[..., Any], signature: Any) -> None:
        self.unit, self.function, self.signature = unit, function, signature
        self._loaded: Callable[..., Any] | None = None if COMPILED else function
        self._dispatcher: Any = None  # what the loaded function, a bare C function, runs in

    def load(self) -> Callable[..., Any]:
        """The function, ready to run."""
        if self._loaded is None:
            entry = self

            class InOneLibrary(Steps):
                """Into a library that already holds the inner functions. Only made when the cache has nothing."""

                def __init__(self, typing: Any, target: Any, _: Any, *rest: Any) -> None:
                    typing = _memory_of(typing)
                    super().__init__(typing, target, entry.unit.library(typing, entry.function), *rest)

            options: dict[str, Any] = {"error_model": "numpy", "nogil": True, "_nrt": False, "no_cfunc_wrapper": True, "pipeline_class": InOneLibrary}
            self._dispatcher = njit(cache=True, **options)(self.function)
            with no_collecting(), remembered_calls():
                self._dispatcher.compile(self.signature)
            self.unit.forget()
            self._loaded = self._dispatcher.overloads[self.signature.args].entry_point
        return self._loaded


def _memory_of(typing: Any) -> Typing:
    """The same typing, with a memory."""
    typing.refresh()
    remembering = copy.copy(typing)
    remembering.__class__ = Typing
    remembering.known = {}
    return remembering
