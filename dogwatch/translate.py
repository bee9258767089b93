"""From Python to LLVM: functions of whole numbers and bytes, translated straight from their syntax tree.

May live here: what each statement and expression becomes. May not: caches, entries, anything that is called from Python.

Numba finds out the types of a function, variable by variable, and then makes code for types that can be anything; for the
hundred functions of the decoder that took longer than all of LLVM's work. Where every number is a whole one there is nothing to
find out: a statement is a handful of instructions, written down in a twentieth of the time. And an array is handed on as two
numbers instead of seven, so that calls are cheaper and the optimiser has less to look through.

The language is a part of Python, and means the same:

    values        64-bit integers that wrap around; comparisons and `not` make truth values, which count as 0 and 1
    arrays        parameters, and NumPy arrays of int64 or uint8 among the module's names; an element, or `shape[0]`
    statements    assignment (also of several targets, and to elements), if, while, for over range, break, continue, return
    expressions   + - * // % << >> & | ^ ~ - not and or, comparisons in chains, `a if c else b`, int, abs, min, max,
                  other functions of the unit, primitives, whole numbers and flags among the module's names

A negative index is not "from the end", a variable that was given no value yet is anything, and so is a number shifted by less
than 0 or more than 63 bits. Divisors are positive numbers that are known here. A branch that can be known here (`if COMPILED:`)
is not translated. Whatever else stands in a function is refused, with its file and line. Arrays that are handed to a function
must not overlap.
"""

# ruff: noqa: N802 - a method for each kind of node, by Python's name for it
from __future__ import annotations

import ast
import linecache
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

WORD, FLAG, BYTE = ir.IntType(64), ir.IntType(1), ir.IntType(8)
ELEMENTS = {"int64": WORD, "uint8": BYTE}
SAME = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.LShift: "shl", ast.RShift: "ashr", ast.BitAnd: "and_", ast.BitOr: "or_", ast.BitXor: "xor"}
FOLDED: dict[type, Callable[[int, int], int]] = {
    ast.Add: int.__add__, ast.Sub: int.__sub__, ast.Mult: int.__mul__, ast.LShift: int.__lshift__, ast.RShift: int.__rshift__,
    ast.BitAnd: int.__and__, ast.BitOr: int.__or__, ast.BitXor: int.__xor__, ast.FloorDiv: int.__floordiv__, ast.Mod: int.__mod__,
}  # fmt: skip
COMPARED = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


class TranslationError(TypeError):
    """A function has something that this language has not."""


class Array(NamedTuple):
    """An array in hand: where its first element stands, and how many there are."""

    data: Any
    size: Any


class Primitive(NamedTuple):
    """An operation that Python has no word for: `write(body, *arguments)` writes its instructions and returns its value."""

    write: Callable[..., Any]

    def __call__(self, *_: Any) -> int:
        raise NotImplementedError(f"{self.write.__name__} exists in compiled code only")


class Declared(NamedTuple):
    """What is known of a function before its body is looked at."""

    signature: Any
    inline: bool | None  # always, never, or as the optimiser finds best


def word(value: int) -> ir.Constant:
    """A number, wrapped around to 64 bits."""
    return ir.Constant(WORD, (value + (1 << 63)) % (1 << 64) - (1 << 63))


def llvm_type(declared: Any) -> Any:
    """How a result is handed back."""
    if str(declared) == "none":
        return ir.VoidType()
    return ir.LiteralStructType([WORD] * len(declared)) if hasattr(declared, "count") else WORD


@lru_cache(maxsize=8)
def definitions(path: str) -> dict[int, ast.FunctionDef]:
    """The functions of a source file by the line on which they, or their decorators, begin."""
    found = [node for node in ast.parse("".join(linecache.getlines(path))).body if isinstance(node, ast.FunctionDef)]
    return {min([node.lineno, *(each.lineno for each in node.decorator_list)]): node for node in found}


class Translation:
    """The functions of one LLVM module: an entry, and whatever it reaches."""

    def __init__(self, module: ir.Module, known: dict[Callable[..., Any], Declared], checked: bool) -> None:
        """known: all functions that may be called. checked: an index outside an array ends the call and sets `fault`."""
        self.module, self.known = module, known
        self.made: dict[Any, Any] = {}
        self.ahead: list[Callable[..., Any]] = []
        self.fault = None
        if checked:
            self.fault = ir.GlobalVariable(module, WORD, "fault")
            self.fault.linkage, self.fault.initializer = "internal", word(0)

    def function(self, function: Callable[..., Any]) -> ir.Function:
        """A function, to be called. Its body is written by `finish`."""
        if function not in self.made:
            signature, inline = self.known[function]
            kinds: list[Any] = []
            for each in signature.args:
                kinds += [ELEMENTS[str(each.dtype)].as_pointer(), WORD] if hasattr(each, "dtype") else [WORD]
            made = ir.Function(self.module, ir.FunctionType(llvm_type(signature.return_type), kinds), f"{function.__name__}.{len(self.made)}")
            made.linkage = "internal"
            made.attributes.add("nounwind")
            if inline is not None:
                made.attributes.add("alwaysinline" if inline else "noinline")
            for each in made.args:
                if isinstance(each.type, ir.PointerType):
                    each.add_attribute("noalias")
            self.made[function] = made
            self.ahead.append(function)
        made_before: ir.Function = self.made[function]
        return made_before

    def table(self, values: np.ndarray) -> Array:
        """A constant array."""
        if id(values) not in self.made:
            element = ELEMENTS[str(values.dtype)]
            kind = ir.ArrayType(element, len(values))
            made = ir.GlobalVariable(self.module, kind, f"table.{len(self.made)}")
            made.linkage, made.global_constant = "internal", True
            made.initializer = ir.Constant(kind, values.tolist())
            self.made[id(values)] = Array(made.bitcast(element.as_pointer()), word(len(values)))
        found: Array = self.made[id(values)]
        return found

    def finish(self) -> None:
        """Write the bodies of all functions that were called for."""
        while self.ahead:
            function = self.ahead.pop()
            Body(self, function, self.made[function]).write()


class Body:
    """One function being written."""

    def __init__(self, translation: Translation, function: Callable[..., Any], made: ir.Function) -> None:
        self.translation, self.made, self.names = translation, made, function.__globals__
        code = function.__code__
        self.path, line, self.locals = code.co_filename, code.co_firstlineno, code.co_varnames  # parameters, then variables
        node = definitions(self.path).get(line)
        if node is None or node.name != function.__name__:
            raise TranslationError(f"{self.path}:{line}: the source of {function.__name__} has changed since it was loaded")
        self.node, self.returns = node, translation.known[function].signature.return_type
        self.builder = ir.IRBuilder(made.append_basic_block())
        self.loops: list[tuple[Any, Any]] = []  # where `continue` and `break` go to
        self.arrays: dict[str, Array] = {}
        self.variables: dict[str, Any] = {}

    def write(self) -> None:
        """All of it."""
        arguments = iter(self.made.args)
        for each in self.node.args.args:
            value = next(arguments)
            if isinstance(value.type, ir.PointerType):
                self.arrays[each.arg] = Array(value, next(arguments))
            else:
                self.variables[each.arg] = self.builder.alloca(WORD)
                self.builder.store(value, self.variables[each.arg])
        for name in self.locals[len(self.node.args.args) :]:
            self.variables[name] = self.builder.alloca(WORD)
        self.statements(self.node.body)
        if not self.builder.block.is_terminated:
            if isinstance(self.made.function_type.return_type, ir.VoidType):
                self.builder.ret_void()
            else:
                self.builder.unreachable()

    def refuse(self, node: ast.AST, why: str) -> TranslationError:
        """What to raise."""
        return TranslationError(f"{self.path}:{getattr(node, 'lineno', 0)}: {why}: {ast.unparse(node)}")

    # --- statements

    def statements(self, nodes: list[ast.stmt]) -> None:
        """A suite; nothing behind a return, break or continue."""
        for node in nodes:
            if self.builder.block.is_terminated:
                return
            write = getattr(self, f"do_{type(node).__name__}", None)
            if write is None:
                raise self.refuse(node, "no such statement here")
            write(node)

    def do_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.value(node.value)

    def do_Pass(self, _: ast.Pass) -> None:
        """Nothing."""

    def do_Assign(self, node: ast.Assign) -> None:
        source = node.value
        for target in node.targets:
            if isinstance(target, ast.Tuple) != isinstance(node.targets[0], ast.Tuple):
                raise self.refuse(node, "one value and several")
        if not isinstance(node.targets[0], ast.Tuple):
            value = self.number(source)
            for target in node.targets:
                self.store(target, value)
            return
        if isinstance(source, ast.Tuple):
            values = [self.number(each) for each in source.elts]
        else:
            whole = self.value(source)
            values = [self.builder.extract_value(whole, place) for place in range(len(whole.type.elements))]
        for target in node.targets:
            assert isinstance(target, ast.Tuple)
            if len(target.elts) != len(values):
                raise self.refuse(node, "another number of values")
            for each, value in zip(target.elts, values):
                self.store(each, value)

    def do_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Subscript):
            place = self.place(node.target)
            self.put(place, self.binary(node, node.op, self.load(place), self.number(node.value)))
        else:
            assert isinstance(node.target, ast.Name)
            self.store(node.target, self.binary(node, node.op, self.builder.load(self.variables[node.target.id]), self.number(node.value)))

    def do_If(self, node: ast.If) -> None:
        known = self.known(node.test)
        if known is not None:
            self.statements(node.body if known else node.orelse)
            return
        then, after = self.made.append_basic_block(), self.made.append_basic_block()
        other = self.made.append_basic_block() if node.orelse else after
        self.jump(node.test, then, other)
        self.suite(then, node.body, after)
        if node.orelse:
            self.suite(other, node.orelse, after)
        self.builder.position_at_end(after)

    def do_While(self, node: ast.While) -> None:
        test, body, after = (self.made.append_basic_block() for _ in range(3))
        self.builder.branch(test)
        self.builder.position_at_end(test)
        self.jump(node.test, body, after)
        self.loop(node, body, test, after)

    def do_For(self, node: ast.For) -> None:
        call = node.iter
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range" and isinstance(node.target, ast.Name)):
            raise self.refuse(node, "a loop runs over a range")
        bounds = [self.number(each) for each in call.args]
        first, last = (word(0), bounds[0]) if len(bounds) == 1 else bounds[:2]
        step = bounds[2] if len(bounds) == 3 else word(1)
        if not isinstance(step, ir.Constant) or step.constant < 1:
            raise self.refuse(node, "a step is a positive number")
        with self.builder.goto_entry_block():
            counter = self.builder.alloca(WORD)
        self.builder.store(first, counter)
        test, body, forward, after = (self.made.append_basic_block() for _ in range(4))
        self.builder.branch(test)
        self.builder.position_at_end(test)
        self.builder.cbranch(self.builder.icmp_signed("<", self.builder.load(counter), last), body, after)
        self.builder.position_at_end(body)
        self.store(node.target, self.builder.load(counter))
        self.loop(node, body, forward, after)
        with self.builder.goto_block(forward):
            self.builder.store(self.builder.add(self.builder.load(counter), step), counter)
            self.builder.branch(test)

    def loop(self, node: ast.While | ast.For, body: Any, forward: Any, after: Any) -> None:
        """The inside of a loop."""
        if node.orelse:
            raise self.refuse(node, "a loop has no else")
        self.loops.append((forward, after))
        self.suite(body, node.body, forward)
        self.loops.pop()
        self.builder.position_at_end(after)

    def suite(self, block: Any, nodes: list[ast.stmt], after: Any) -> None:
        """Statements in a block of their own."""
        self.builder.position_at_end(block)
        self.statements(nodes)
        if not self.builder.block.is_terminated:
            self.builder.branch(after)

    def do_Break(self, _: ast.Break) -> None:
        self.builder.branch(self.loops[-1][1])

    def do_Continue(self, _: ast.Continue) -> None:
        self.builder.branch(self.loops[-1][0])

    def do_Return(self, node: ast.Return) -> None:
        if node.value is None:
            self.builder.ret_void()
        elif isinstance(node.value, ast.Tuple):
            whole: Any = ir.Constant(self.made.function_type.return_type, ir.Undefined)
            for place, each in enumerate(node.value.elts):
                whole = self.builder.insert_value(whole, self.number(each), place)
            self.builder.ret(whole)
        else:
            value = self.value(node.value)
            self.builder.ret(self.widened(value) if value.type == FLAG else value)

    # --- places

    def store(self, target: ast.expr, value: Any) -> None:
        """Give a variable or an element a number."""
        if isinstance(target, ast.Name):
            self.builder.store(value, self.variables[target.id])
        elif isinstance(target, ast.Subscript):
            self.put(self.place(target), value)
        else:
            raise self.refuse(target, "nothing to assign to")

    def place(self, node: ast.Subscript) -> Any:
        """Pointer to an element."""
        array = self.array(node.value)
        index = self.number(node.slice)
        self.check(array, index, 1)
        return self.builder.gep(array.data, [index], inbounds=True)

    def array(self, node: ast.expr) -> Array:
        """An array by its name."""
        if isinstance(node, ast.Name):
            if node.id in self.arrays:
                return self.arrays[node.id]
            values = self.names.get(node.id)
            if isinstance(values, np.ndarray) and str(values.dtype) in ELEMENTS and values.ndim == 1:
                return self.translation.table(values)
        raise self.refuse(node, "no array")

    def load(self, place: Any) -> Any:
        """The number in an element."""
        value = self.builder.load(place)
        return value if value.type == WORD else self.builder.zext(value, WORD)

    def put(self, place: Any, value: Any) -> None:
        """A number into an element, whose low bits it keeps."""
        kind = place.type.pointee
        self.builder.store(value if kind == WORD else self.builder.trunc(value, kind), place)

    def span(self, array: Array, at: Any, kind: Any) -> Any:
        """For primitives: pointer to a value of some type that stands in a byte array from `at` on, at any alignment."""
        self.check(array, at, kind.width // 8 if isinstance(kind, ir.IntType) else kind.count * kind.element.width // 8)
        return self.builder.bitcast(self.builder.gep(array.data, [at], inbounds=True), kind.as_pointer())

    def check(self, array: Array, at: Any, n: int) -> None:
        """Where bounds are checked: end the function if n elements from `at` on are not all inside."""
        fault = self.translation.fault
        if fault is None:
            return
        for index in {0, n - 1}:
            outside = self.builder.icmp_unsigned(">=", self.builder.add(at, word(index)), array.size)
            with self.builder.if_then(outside, likely=False):
                self.builder.store(word(1), fault)
                self.give_up()

    def give_up(self) -> None:
        """Return anything."""
        kind = self.made.function_type.return_type
        if isinstance(kind, ir.VoidType):
            self.builder.ret_void()
        else:
            self.builder.ret(ir.Constant(kind, ir.Undefined))

    # --- values

    def number(self, node: ast.expr) -> Any:
        """A value as a whole number."""
        value = self.value(node)
        if value.type == FLAG:
            return self.widened(value)
        if value.type != WORD:
            raise self.refuse(node, "no number")
        return value

    def widened(self, flag: Any) -> Any:
        """0 or 1."""
        return word(int(flag.constant)) if isinstance(flag, ir.Constant) else self.builder.zext(flag, WORD)

    def truth(self, value: Any) -> Any:
        """Whether a value is not 0."""
        return value if value.type == FLAG else self.builder.icmp_signed("!=", value, word(0))

    def known(self, node: ast.expr) -> bool | None:
        """The truth of a condition that can be known here: a flag of the module, or its negation."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inside = self.known(node.operand)
            return None if inside is None else not inside
        if isinstance(node, ast.Constant):
            return bool(node.value)
        if isinstance(node, ast.Name) and node.id not in self.variables and isinstance(self.names.get(node.id), bool):
            return bool(self.names[node.id])
        return None

    def jump(self, node: ast.expr, yes: Any, no: Any) -> None:
        """Branch on a condition; `and` and `or` look no further than they must."""
        known = self.known(node)
        if known is not None:
            self.builder.branch(yes if known else no)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self.jump(node.operand, no, yes)
        elif isinstance(node, ast.BoolOp):
            for each in node.values[:-1]:
                further = self.made.append_basic_block()
                self.jump(each, *((further, no) if isinstance(node.op, ast.And) else (yes, further)))
                self.builder.position_at_end(further)
            self.jump(node.values[-1], yes, no)
        else:
            self.builder.cbranch(self.truth(self.value(node)), yes, no)

    def value(self, node: ast.expr) -> Any:
        """An expression: a number, a truth value, several numbers, or nothing."""
        write = getattr(self, f"of_{type(node).__name__}", None)
        if write is None:
            raise self.refuse(node, "no such expression here")
        return write(node)

    def of_Constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, bool):
            return ir.Constant(FLAG, node.value)
        if isinstance(node.value, int):
            return word(node.value)
        raise self.refuse(node, "no number")

    def of_Name(self, node: ast.Name) -> Any:
        if node.id in self.variables:
            return self.builder.load(self.variables[node.id])
        value = self.names.get(node.id)
        if isinstance(value, bool):
            return ir.Constant(FLAG, value)
        if isinstance(value, int | np.integer):
            return word(int(value))
        raise self.refuse(node, "no number of this name")

    def of_BinOp(self, node: ast.BinOp) -> Any:
        return self.binary(node, node.op, self.number(node.left), self.number(node.right))

    def binary(self, node: ast.AST, op: ast.operator, left: Any, right: Any) -> Any:
        """Two numbers and an operator."""
        kind, constant = type(op), isinstance(right, ir.Constant)
        if constant and isinstance(left, ir.Constant) and kind in FOLDED:
            return word(FOLDED[kind](left.constant, right.constant))
        if kind in SAME:
            return getattr(self.builder, SAME[kind])(left, right)
        if kind not in FOLDED:
            raise self.refuse(node, "no such operator here")
        if not constant or right.constant < 1:
            raise self.refuse(node, "a divisor is a positive number that is known here")
        b, by = self.builder, right.constant
        if by & (by - 1) == 0:
            return b.ashr(left, word(by.bit_length() - 1)) if kind is ast.FloorDiv else b.and_(left, word(by - 1))
        rest = b.srem(left, right)
        negative = b.ashr(rest, word(63))
        return b.add(b.sdiv(left, right), negative) if kind is ast.FloorDiv else b.add(rest, b.and_(negative, right))

    def of_UnaryOp(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return self.builder.not_(self.truth(self.value(node.operand)))
        value = self.number(node.operand)
        if isinstance(node.op, ast.USub):
            return word(-value.constant) if isinstance(value, ir.Constant) else self.builder.neg(value)
        if isinstance(node.op, ast.Invert):
            return word(~value.constant) if isinstance(value, ir.Constant) else self.builder.not_(value)
        raise self.refuse(node, "no such operator here")

    def of_Compare(self, node: ast.Compare) -> Any:
        left, found = self.number(node.left), None
        for op, each in zip(node.ops, node.comparators):
            if type(op) not in COMPARED:
                raise self.refuse(node, "no such comparison here")
            right = self.number(each)
            now = self.builder.icmp_signed(COMPARED[type(op)], left, right)
            found, left = now if found is None else self.builder.and_(found, now), right
        return found

    def of_BoolOp(self, node: ast.BoolOp) -> Any:
        """Python's: the last value that was looked at."""
        after, seen = self.made.append_basic_block(), []
        for each in node.values:
            value = self.number(each)
            seen.append((value, self.builder.block))
            if each is node.values[-1]:
                self.builder.branch(after)
            else:
                further = self.made.append_basic_block()
                self.builder.cbranch(self.truth(value), *((further, after) if isinstance(node.op, ast.And) else (after, further)))
                self.builder.position_at_end(further)
        self.builder.position_at_end(after)
        return self.merged(seen)

    def of_IfExp(self, node: ast.IfExp) -> Any:
        known = self.known(node.test)
        if known is not None:
            return self.value(node.body if known else node.orelse)
        yes, no, after = (self.made.append_basic_block() for _ in range(3))
        self.jump(node.test, yes, no)
        seen = []
        for block, each in ((yes, node.body), (no, node.orelse)):
            self.builder.position_at_end(block)
            value = self.number(each)
            seen.append((value, self.builder.block))
            self.builder.branch(after)
        self.builder.position_at_end(after)
        return self.merged(seen)

    def merged(self, seen: list[tuple[Any, Any]]) -> Any:
        """One number from those of several branches."""
        merged = self.builder.phi(WORD)
        for value, block in seen:
            merged.add_incoming(value, block)
        return merged

    def of_Subscript(self, node: ast.Subscript) -> Any:
        inside = node.value
        if isinstance(inside, ast.Attribute) and inside.attr == "shape" and isinstance(node.slice, ast.Constant) and node.slice.value == 0:
            return self.array(inside.value).size
        return self.load(self.place(node))

    def of_Call(self, node: ast.Call) -> Any:
        if node.keywords or not isinstance(node.func, ast.Name):
            raise self.refuse(node, "a call is a name and its arguments")
        name = node.func.id
        callee = self.names.get(name)
        if isinstance(callee, Primitive):
            return callee.write(self, *(self.array(each) if self.is_array(each) else self.number(each) for each in node.args))
        if callee in self.translation.known:
            return self.call(node, callee)
        numbers = [self.number(each) for each in node.args]
        if name == "int" and len(numbers) == 1:
            return numbers[0]
        if name == "abs" and len(numbers) == 1:
            return self.builder.select(self.builder.icmp_signed("<", numbers[0], word(0)), self.builder.neg(numbers[0]), numbers[0])
        if name in ("min", "max") and len(numbers) == 2:
            return self.builder.select(self.builder.icmp_signed("<" if name == "min" else ">", *numbers), *numbers)
        raise self.refuse(node, "no function of this name")

    def is_array(self, node: ast.expr) -> bool:
        """Whether an argument is the name of an array."""
        return isinstance(node, ast.Name) and (node.id in self.arrays or isinstance(self.names.get(node.id), np.ndarray))

    def call(self, node: ast.Call, callee: Callable[..., Any]) -> Any:
        """Another function of the unit."""
        signature, arguments = self.translation.known[callee].signature, list[Any]()
        if len(node.args) != len(signature.args):
            raise self.refuse(node, "another number of arguments")
        for each, kind in zip(node.args, signature.args):
            arguments += self.array(each) if hasattr(kind, "dtype") else [self.number(each)]
        value = self.builder.call(self.translation.function(callee), arguments)
        if self.translation.fault is not None:
            with self.builder.if_then(self.truth(self.builder.load(self.translation.fault)), likely=False):
                self.give_up()
        return value
