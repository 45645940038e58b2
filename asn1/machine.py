"""What the compiled kernel needs and plain Python cannot say: unaligned words, addresses, inlining.

Functions marked `compiled` or `inlined` are machine code only in one of `entry` or `object_code`.
All their numbers are 64 bits and signed; `shift_right` brings in zeros where >> brings in the sign.

With RATEMILL_KERNEL_CHECKED set in the environment every access is checked against the bounds of
its array or column, which is some four times slower, and no machine code is kept.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from asn1.native import CHECKED
from asn1.sink import Integers, Octets

Function = TypeVar("Function", bound=Callable[..., Any])

_WORD = ir.IntType(64)
_OCTET = ir.IntType(8)
# Without reference counts (_nrt) a call that is not inlined costs a tenth.
_OPTIONS: Final = {
    "_nrt": False, "nogil": True, "error_model": "numpy", "boundscheck": CHECKED,
    "no_cfunc_wrapper": True,
}


def compiled(function: Function) -> Function:
    """The function, to be called from compiled code."""
    # Left unsaid, forceinline would be that of the first caller.
    return cast("Function", njit(forceinline=False, no_cpython_wrapper=True, **_OPTIONS)(function))


def inlined(function: Function) -> Function:
    """The function, to be copied into the compiled code that calls it."""
    return cast("Function", njit(forceinline=True, no_cpython_wrapper=True, **_OPTIONS)(function))


def entry(function: Function) -> Function:
    """The function, to be called from Python; compiled at its first call."""
    return cast("Function", njit(**_OPTIONS)(function))


def object_code(function: Callable[[int], int]) -> tuple[str, bytes]:
    """The name and the object code of a function; the code needs nothing of Numba."""
    dispatcher = njit(no_cpython_wrapper=True, **_OPTIONS)(function)
    dispatcher.compile((types.int64,))
    (compiled_one,) = dispatcher.overloads.values()
    _, _, (code, _) = compiled_one.library.serialize_using_object_code()
    return compiled_one.fndesc.llvm_func_name, code


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:  # noqa: ANN401
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


@intrinsic  # type: ignore[untyped-decorator]
def _item(_: Any, array: Any, index: Any) -> Any:  # noqa: ANN401
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ANN401
        value = builder.load(_pointer(context, builder, sig.args[0], args[0], args[1]))
        return context.cast(builder, value, array.dtype, types.int64)

    return types.int64(array, index), code


@intrinsic  # type: ignore[untyped-decorator]
def _set_item(_: Any, array: Any, index: Any, value: Any) -> Any:  # noqa: ANN401
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ANN401
        item = context.cast(builder, args[2], sig.args[2], array.dtype)
        builder.store(item, _pointer(context, builder, sig.args[0], args[0], args[1]))
        return context.get_dummy_value()

    return types.void(array, index, value), code


def _word_load(*, reverse: bool) -> Any:  # noqa: ANN401
    @intrinsic  # type: ignore[untyped-decorator]
    def load(_: Any, octets: Any, index: Any) -> Any:  # noqa: ANN401
        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ANN401
            place = _pointer(context, builder, sig.args[0], args[0], args[1])
            word = builder.load(builder.bitcast(place, _WORD.as_pointer()))
            word.align = 1
            return builder.bswap(word) if reverse else word

        return types.int64(octets, index), code

    return load


@intrinsic  # type: ignore[untyped-decorator]
def shift_right(_: Any, _value: Any, _count: Any) -> Any:  # noqa: ANN401
    """The value shifted right, with zeros from the left."""

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:  # noqa: ANN401
        return builder.lshr(args[0], args[1])

    return types.int64(types.int64, types.int64), code


def _at_address(kind: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Load and store of one value of that LLVM type at an address, aligned or not."""

    @intrinsic  # type: ignore[untyped-decorator]
    def load(_: Any, _address: Any) -> Any:  # noqa: ANN401
        def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:  # noqa: ANN401
            value = builder.load(builder.inttoptr(args[0], kind.as_pointer()))
            value.align = 1
            return value if kind.width == 64 else builder.zext(value, _WORD)

        return types.int64(types.int64), code

    @intrinsic  # type: ignore[untyped-decorator]
    def store(_: Any, _address: Any, _value: Any) -> Any:  # noqa: ANN401
        def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:  # noqa: ANN401
            value = args[1] if kind.width == 64 else builder.trunc(args[1], kind)
            builder.store(value, builder.inttoptr(args[0], kind.as_pointer())).align = 1
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), code

    return load, store


_, poke16 = _at_address(ir.IntType(16))
_, poke32 = _at_address(ir.IntType(32))
peek8, poke8 = _at_address(_OCTET)
peek64, poke64 = _at_address(_WORD)


def _array_at(item: Any) -> Any:  # noqa: ANN401
    array_type = types.Array(item, 1, "C")

    @intrinsic  # type: ignore[untyped-decorator]
    def array_at(_: Any, _pair: Any) -> Any:  # noqa: ANN401
        """The array whose address and size are the two words at that address."""

        def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:  # noqa: ANN401
            pair = builder.inttoptr(args[0], _WORD.as_pointer())
            address, size = (builder.load(builder.gep(pair, [_WORD(n)])) for n in range(2))
            array = context.make_array(array_type)(context, builder)
            octets = _WORD(context.get_abi_sizeof(context.get_data_type(item)))
            data = builder.inttoptr(address, array.data.type)
            populate_array(array, data, [size], [octets], octets, None)
            return array._getvalue()  # noqa: SLF001

        return array_type(types.int64), code

    return array_at


octets_at, integers_at = map(_array_at, (types.uint8, types.int64))


@intrinsic  # type: ignore[untyped-decorator]
def out_of_line(_: Any) -> Any:  # noqa: ANN401
    """Keeps the function that says it from being copied into its callers."""

    def code(context: Any, builder: Any, _sig: Any, _args: Any) -> Any:  # noqa: ANN401
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), code


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(_: Any, _address: Any) -> Any:  # noqa: ANN401
    """Asks for the cache line at the address, to be written soon; any address will do."""

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:  # noqa: ANN401
        pointer, number = _OCTET.as_pointer(), ir.IntType(32)
        ask = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [pointer, number, number, number]),
            "llvm.prefetch.p0",
        )
        to_write, keep, data = number(1), number(3), number(1)
        builder.call(ask, [builder.inttoptr(args[0], pointer), to_write, keep, data])
        return context.get_dummy_value()

    return types.void(types.int64), code


if CHECKED:

    @compiled
    def guard(index: int, room: int) -> None:
        """Raises when the index is not one of the room."""
        if index < 0 or index >= room:
            raise IndexError("outside of its room")

    @compiled
    def item(array: Integers | Octets, index: int) -> int:
        """The array's item."""
        guard(index, array.size)
        return int(array[index])

    @compiled
    def set_item(array: Integers | Octets, index: int, value: int) -> None:
        """Changes the array's item."""
        guard(index, array.size)
        array[index] = value

    @compiled
    def word_at(octets: Octets, index: int) -> int:
        """Eight octets as a number, the first one lowest."""
        value = 0
        for n in range(8):
            value |= item(octets, index + n) << 8 * n
        return value

    @compiled
    def big_word_at(octets: Octets, index: int) -> int:
        """Eight octets as a number, the first one highest."""
        value = 0
        for n in range(8):
            value = value << 8 | item(octets, index + n)
        return value

else:

    @inlined
    def guard(index: int, room: int) -> None:
        """Does nothing."""

    item = _item
    set_item = _set_item
    word_at = _word_load(reverse=False)
    big_word_at = _word_load(reverse=True)
