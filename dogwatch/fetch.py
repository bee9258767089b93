"""Fetch ahead: tell the memory which record will be wanted soon. May live here: that one hint. May not: anything that computes.

Theory. A record that no cache holds takes a hundred times as long as an addition. Unlike a read, whose value somebody waits for, a hint is done when
it is said, so that many are under way at a time. It changes nothing that a program can see; a wrong one costs what it brought.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.core.typing.templates import Signature
from numba.extending import intrinsic

FOR_WRITING, NEAREST_CACHE, DATA = 1, 3, 1  # arguments of LLVM's prefetch


@intrinsic
def fetch(_: Any, array: types.Array, at: types.Integer) -> tuple[Signature, Any]:
    """`fetch(array, at)` in a kernel: element number `at` of an array in C order (counted through all dimensions, not checked) will be written soon."""

    def generate(context: Any, builder: Any, signature: Signature, arguments: Any) -> Any:
        kind, number = signature.args
        made = context.make_array(kind)(context, builder, arguments[0])
        size = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(kind.dtype)))
        offset = builder.mul(context.cast(builder, arguments[1], number, types.intp), size)
        place = cgutils.pointer_add(builder, made.data, offset, ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        shape = ir.FunctionType(ir.VoidType(), [place.type, word, word, word])
        hint = cgutils.get_or_insert_function(builder.module, shape, "llvm.prefetch.p0i8")
        builder.call(hint, [place, *(word(argument) for argument in (FOR_WRITING, NEAREST_CACHE, DATA))])
        return context.get_dummy_value()

    return types.void(array, at), generate


def _no_hint(array: Any, at: Any) -> None:
    """What `fetch` is where kernels are Python, which has nothing to hint at."""


if config.DISABLE_JIT:
    fetch = _no_hint
