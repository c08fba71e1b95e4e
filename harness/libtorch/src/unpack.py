"""Extract a CPU libtorch from PyTorch's wheel and from those of the CUDA libraries that
libtorch_cpu.so is linked to.

Usage: unpack.py FOLDER WHEEL...
"""

import shutil
import sys
import zipfile
from pathlib import Path, PurePosixPath

LIBRARIES = {"libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcudart.so.13", "libcupti.so.13"}


def place(name):
    """The path for a wheel's file, or None if the file is not needed."""
    path = PurePosixPath(name)
    if path.parts[:2] == ("torch", "include"):
        return PurePosixPath(*path.parts[1:])
    if path.parent.name == "lib" and path.name in LIBRARIES:
        return PurePosixPath("lib", path.name)
    if path.parts[0].endswith(".dist-info") and path.parts[1] == "licenses":
        return PurePosixPath("licenses", path.parts[0][: -len(".dist-info")], *path.parts[2:])
    return None


folder = Path(sys.argv[1])
for wheel in sys.argv[2:]:
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            target = None if entry.filename.endswith("/") else place(entry.filename)
            if target is None:
                continue
            target = folder / target
            target.parent.mkdir(parents=True, exist_ok=True)
            # Reading to the end also checks the file's CRC.
            with archive.open(entry) as source, open(target, "wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)

missing = LIBRARIES - {path.name for path in (folder / "lib").iterdir()}
if missing:
    sys.exit("the wheels lack " + ", ".join(sorted(missing)))
