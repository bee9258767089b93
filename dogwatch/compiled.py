"""A compiled room: many small functions, one library, one entry for Python. The one place that knows how Numba is driven.

May live here: how functions are declared, compiled, cached and called. May not: any function that computes something, or
what a statement becomes (translate.py).

    unit = Unit()

    @unit.inner(int64(int64))      callable from the unit's functions only; without a compiler, an ordinary function
    def double(x): ...

    @unit.entry(int64(int64))      what Python calls, as run.load()(x)
    def run(x): ...

An entry is compiled, or loaded from the cache, when it is first wanted, and with it only the functions that it can reach.
They are written in a part of Python that `translate` turns into LLVM's language; Numba gives what it is good at: arrays and
numbers in and out of Python, LLVM's optimiser and the cache. All functions go into one module, which is optimised once.

The cache notices a change of the entry's own file only: inner functions must stand in the same file as their entry, and who
changes `translate` empties the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import config, njit
from numba.core import cgutils
from numba.core.bytecode import FunctionIdentity
from numba.core.compiler import CompilerBase, compile_result
from numba.core.compiler_lock import global_compiler_lock
from numba.core.funcdesc import PythonFunctionDescriptor
from numba.core.lowering import Environment
from numba.core.targetconfig import ConfigStack
from numba.core.typing import signature as typed

from dogwatch.translate import Declared, Translation

COMPILED = not config.DISABLE_JIT


class Unit:
    """Functions that are compiled together."""

    def __init__(self) -> None:
        self.known: dict[Callable[..., Any], Declared] = {}

    def inner(self, signature: Any, *, inline: bool | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a function that the unit's other functions call.

        inline: True: wherever it is called, even where the optimiser would find it too long. False: nowhere, where a short
        function is called from so many places, none of them hot, that all else takes longer to compile.
        """

        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            self.known[function] = Declared(signature, inline)
            return function

        return declare

    def entry(self, signature: Any) -> Callable[[Callable[..., Any]], Entry]:
        """Declare a function that Python calls; it takes exactly the types of its signature."""

        def declare(function: Callable[..., Any]) -> Entry:
            self.known[function] = Declared(signature, inline=None)
            return Entry(self, function, signature)

        return declare


class Entry:
    """A function of a unit that Python calls."""

    def __init__(self, unit: Unit, function: Callable[..., Any], signature: Any) -> None:
        self.unit, self.function, self.signature = unit, function, signature
        self._loaded: Callable[..., Any] | None = None if COMPILED else function
        self._dispatcher: Any = None  # what the loaded function, a bare C function, runs in

    def load(self) -> Callable[..., Any]:
        """The function, ready to run. Two threads may want it at once."""
        if self._loaded is None:
            unit = self.unit

            class Whole(CompilerBase):
                """In place of Numba's compiler, only made when the cache has nothing."""

                def compile_extra(self, function: Any) -> Any:
                    with ConfigStack().enter(self.state.flags.copy()):
                        return compiled(unit, function, self.state)

            options: dict[str, Any] = {"nogil": True, "_nrt": False, "no_cfunc_wrapper": True, "pipeline_class": Whole}
            with global_compiler_lock:
                dispatcher = njit(cache=True, **options)(self.function)
                dispatcher.compile(self.signature)
                if self._loaded is None:
                    self._dispatcher, self._loaded = dispatcher, dispatcher.overloads[self.signature.args].entry_point
        return self._loaded


def compiled(unit: Unit, entry: Callable[..., Any], state: Any) -> Any:
    """An entry as machine code, and all that Numba keeps of it in its cache."""
    context, name, signature = state.targetctx, FunctionIdentity.from_function(entry), unit.known[entry].signature
    library = context.codegen().create_library(name.func_qualname)
    library.enable_object_caching()
    descriptor = PythonFunctionDescriptor(
        True, entry.__module__, entry.__qualname__, name.unique_name, "", {}, signature.return_type, {}, name.arg_names, (),
        mangler=context.mangler, argtypes=signature.args, uid=name.unique_id,
    )  # fmt: skip
    environment = Environment.from_fndesc(descriptor)
    module = library.create_ir_module(descriptor.unique_name)
    context.declare_env_global(module, context.get_env_name(descriptor))
    translation = Translation(module, unit.known, checked=bool(config.BOUNDSCHECK))
    write_bridge(context, translation, entry, descriptor)
    translation.finish()
    with context.push_code_library(library):
        library.add_ir_module(module)
        context.create_cpython_wrapper(library, descriptor, environment, None, release_gil=True)
    return compile_result(
        typing_context=state.typingctx, target_context=context, entry_point=context.get_executable(library, descriptor, environment),
        type_annotation=None, library=library, call_helper=None, signature=typed(signature.return_type, *signature.args), objectmode=False,
        lifted=(), fndesc=descriptor, environment=environment, metadata=state.metadata, reload_init=state.reload_init, typing_error=None,
    )  # fmt: skip


def write_bridge(context: Any, translation: Translation, entry: Callable[..., Any], descriptor: Any) -> None:
    """What Numba's wrapper calls: arrays and numbers as Numba hands them over, to the entry and back."""
    convention = context.call_conv
    bridge = ir.Function(translation.module, convention.get_function_type(descriptor.restype, descriptor.argtypes), descriptor.llvm_func_name)
    convention.decorate_function(bridge, descriptor.args, descriptor.argtypes)
    builder = ir.IRBuilder(bridge.append_basic_block())
    arguments: list[Any] = []
    for kind, value in zip(descriptor.argtypes, convention.decode_arguments(builder, descriptor.argtypes, bridge)):
        if hasattr(kind, "dtype"):
            array = context.make_array(kind)(context, builder, value)
            arguments += [array.data, array.nitems]
        else:
            arguments.append(value)
    answer = builder.call(translation.function(entry), arguments)
    if translation.fault is not None:
        failed = builder.icmp_signed("!=", builder.load(translation.fault), ir.Constant(translation.fault.type.pointee, 0))
        with cgutils.if_unlikely(builder, failed):
            builder.store(ir.Constant(translation.fault.type.pointee, 0), translation.fault)
            convention.return_user_exc(builder, IndexError, ("index is out of bounds",))
    if isinstance(answer.type, ir.LiteralStructType):
        answer = cgutils.pack_array(builder, [builder.extract_value(answer, place) for place in range(len(answer.type.elements))])
    convention.return_value(builder, answer)
