"""The kernel's machine code: made once, of these sources, and called without Numba after that."""

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asn1 import native
from asn1.arena import Arena
from asn1.encode import encode_transfer_batch
from asn1.layout import load_layout
from asn1.program import program_of
from asn1.sink import LIST_DONE

pytestmark = pytest.mark.skipif(native.CHECKED, reason="the checked kernel has no file")
fresh = native.kernel_function.__wrapped__
MADE = b"name\0code"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[bytes]:
    """An empty folder for machine code, a compiler that is quick, and what becomes functions."""
    called: list[bytes] = []
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "folder"))
    monkeypatch.setattr(native, "_compiled", lambda: called.append(b"compiled") or MADE)
    monkeypatch.setattr(native, "_function", lambda _, code: called.append(code))
    return called


def only_file(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_a_file_is_read_without_numba(release_312, tmp_path):
    """An unresolved symbol of Numba's would end the process."""
    native.kernel_function()
    (tmp_path / "file").write_bytes(encode_transfer_batch(release_312))
    program = (
        "import sys; from asn1 import read; file = read(sys.argv[1], engine='kernel');"
        "print(file.records.height, {'numba', 'asn1.kernel'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "file")]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "3 set()\n"


def test_it_is_compiled_once(made, tmp_path):
    fresh()
    fresh()
    assert made == [b"compiled", b"code", b"code"]
    assert only_file(tmp_path / "folder").read_bytes().endswith(MADE)


@pytest.mark.parametrize(
    "change", [lambda _: b"", lambda b: b[:-1], lambda b: b + b"\0", lambda b: b"x" + b[1:],
               lambda b: b[:40] + bytes([b[40] ^ 1]), lambda b: b[:32]],
)
def test_a_damaged_file_is_made_anew(made, tmp_path, change: Callable[[bytes], bytes]):
    fresh()
    file = only_file(tmp_path / "folder")
    whole = file.read_bytes()
    file.write_bytes(change(whole))
    fresh()
    assert made == [b"compiled", b"code"] * 2
    assert only_file(tmp_path / "folder").read_bytes() == whole


@pytest.mark.parametrize("name", ["get_host_cpu_features", "get_process_triple"])
def test_code_for_another_machine_is_made_anew(made, monkeypatch, name):
    fresh()
    features = getattr(native.llvm, name)()
    other = type(features)("x") if name == "get_process_triple" else type(features)({"x": True})
    monkeypatch.setattr(native.llvm, name, lambda: other)
    fresh()
    assert made == [b"compiled", b"code"] * 2


def test_code_of_other_sources_or_another_compiler_is_made_anew(made, monkeypatch, tmp_path):
    fresh()
    monkeypatch.setattr(native, "version", lambda name: f"another {name}")
    fresh()
    for name in native.SOURCES:
        (tmp_path / f"{name}.py").write_bytes(Path(native.__file__).with_stem(name).read_bytes())
    (tmp_path / "kernel_values.py").write_text("# another\n")
    monkeypatch.setattr(native, "__file__", str(tmp_path / "native.py"))
    fresh()
    fresh()
    assert made == [b"compiled", b"code"] * 3 + [b"code"]


def test_no_folder_to_write_to_is_no_failure(made, monkeypatch, tmp_path):
    (tmp_path / "folder").touch()
    fresh()
    fresh()
    assert made == [b"compiled", b"code"] * 2


def test_the_users_cache_stands_in_for_a_folder_that_cannot_be_written(
    made, monkeypatch, tmp_path
):
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(native, "_key", lambda: b"key")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__pycache__").touch()
    monkeypatch.setattr(native, "__file__", str(tmp_path / "package" / "native.py"))
    fresh()
    fresh()
    assert made == [b"compiled", b"code", b"code"]
    assert only_file(tmp_path / "home" / "ratemill").suffix == ".o"


def test_all_that_the_kernel_is_compiled_from_is_known():
    kernels = [name for name in native.SOURCES if name not in {"ber", "layout"}]
    imported = {
        node.module.removeprefix("asn1.")
        for name in kernels
        for node in ast.walk(ast.parse(Path(native.__file__).with_stem(name).read_bytes()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("asn1.")
    }
    assert imported | {"native"} == set(native.SOURCES) - {"kernel"}


def test_an_array_that_is_not_in_one_piece_or_read_only_is_refused():
    layout = load_layout("tap")
    program, sink = program_of(layout), Arena(layout).sink
    assert native.read_list(np.zeros(64, np.uint8), program, sink) == LIST_DONE
    with pytest.raises(TypeError, match="not C contiguous"):
        native.read_list(np.zeros(128, np.uint8)[::2], program, sink)
    with pytest.raises(TypeError, match="not writable"):
        native.read_list(np.frombuffer(bytes(64), np.uint8), program, sink)
