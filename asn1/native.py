"""The kernel's machine code, kept in a file: to call it Numba is not needed, and not loaded.

Numba's own cache would need it, and takes half a second before the first call. What the file was
made from is part of its checksum, so it is made anew when that changes, or when it is damaged.
"""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from threading import Lock, get_ident
from typing import Any, Final

import llvmlite
import numpy as np
from llvmlite import binding as llvm

from asn1.program import Program
from asn1.sink import Integers, Octets, Sink

CHECKED: Final = bool(os.environ.get("RATEMILL_KERNEL_CHECKED"))
"""Whether all accesses are checked: asn1.machine says how. No machine code is kept then."""
SOURCES: Final = (
    "ber", "kernel", "kernel_ber", "kernel_elements", "kernel_values", "layout", "machine",
    "native", "program", "sink",
)
"""The modules that machine code is made from."""
WIDTH, RECORDS = 8 * 14, 8 * 15
"""A call is words: address and size of the data, then of the arrays of Program and Sink; and here
the numbers of Program."""
DIGEST_OCTETS: Final = 32
_ONE_AT_A_TIME: Final = Lock()
"""Held by the thread that compiles; the others find its file."""
_OCTETS: Final = ctypes.c_char * 0


def read_list(data: Octets, program: Program, sink: Sink) -> int:
    """What the kernel's function of that name returns."""
    arrays = (data, program.nodes, program.column_tables, *sink)
    words = [number for array in arrays for number in (_address(array), array.size)]
    # Named, so that it lives as long as the call.
    call = np.array([*words, program.width, program.records], np.int64)
    return kernel_function()(_address(call))


def _address(array: Octets | Integers) -> int:
    """The array's address; raises ValueError or TypeError unless it is in one piece, writable."""
    return ctypes.addressof(_OCTETS.from_buffer(array.data))


@cache
def kernel_function() -> Callable[[int], int]:
    """The kernel as a function of a call's address, from its file if that is of these sources."""
    if CHECKED:
        return _checked()
    with _ONE_AT_A_TIME:
        stored = _stored_or_compiled()
    name, _, code = stored.partition(b"\0")
    return _function(name.decode(), code)


def _stored_or_compiled() -> bytes:
    key = _key()
    for file in _files():
        if stored := _load(file, key):
            return stored
    stored = _compiled()
    _store(stored, key)
    return stored


def _checked() -> Callable[[int], int]:
    from asn1 import kernel, machine

    return machine.entry(kernel.read_list)


def _compiled() -> bytes:
    """The function's name, a zero, and its object code."""
    from asn1 import kernel, machine

    name, code = machine.object_code(kernel.read_list)
    return name.encode() + b"\0" + code


def _key() -> bytes:
    """What changes with all that machine code depends on."""
    folder = Path(__file__).parent
    sources = [sha256((folder / f"{name}.py").read_bytes()).hexdigest() for name in SOURCES]
    machine = (llvm.get_process_triple(), llvm.get_host_cpu_name(),
               llvm.get_host_cpu_features().flatten())
    return repr((sources, machine, version("numba"), llvmlite.__version__, sys.version)).encode()


def _files() -> Iterator[Path]:
    """Where machine code is kept: beside the bytecode, or else in the user's cache.

    With NUMBA_CACHE_DIR set, there only.
    """
    name = f"kernel.{sys.implementation.cache_tag}.{llvm.get_host_cpu_name()}.o"
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        yield Path(chosen) / name
        return
    yield Path(__file__).parent / "__pycache__" / name
    home = os.environ.get("XDG_CACHE_HOME")
    with suppress(RuntimeError):
        yield (Path(home) if home else Path.home() / ".cache") / "ratemill" / name


def _load(file: Path, key: bytes) -> bytes:
    """What was stored there under that key, in whole; nothing otherwise."""
    try:
        octets = file.read_bytes()
    except OSError:
        return b""
    digest, stored = octets[:DIGEST_OCTETS], octets[DIGEST_OCTETS:]
    return stored if sha256(key + stored).digest() == digest else b""


def _store(stored: bytes, key: bytes) -> None:
    """Puts it where it will be found, if there is such a place: it can always be made again."""
    for file in _files():
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            # Another process, or thread, may be at it.
            part = file.with_suffix(f".{os.getpid()}-{get_ident()}")
            try:
                part.write_bytes(sha256(key + stored).digest() + stored)
                part.replace(file)
            finally:
                part.unlink(missing_ok=True)
            return


def _function(name: str, code: bytes) -> Callable[[int], int]:
    """The function of that name in the object code."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple().create_target_machine()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    # Numba's calling convention: where to put the result, and an exception; the kernel has none.
    signature = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 2, ctypes.c_int64)
    native = signature(engine.get_function_address(name))

    # The engine owns the code's memory.
    def call(address: int, *, _alive: Any = engine) -> int:  # noqa: ANN401
        result, error = ctypes.c_int64(), ctypes.c_void_p()
        native(ctypes.byref(result), ctypes.byref(error), address)
        return result.value

    return call
