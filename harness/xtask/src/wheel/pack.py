"""Pack what `cargo xtask build` has made into a wheel, for `pip install`.

Usage: pack.py [--release DIR] [--out DIR]

The wheel has the Python package and, in its folder `_bin`, the program with what it looks for
beside itself: plugins, and the scenarios with the files that they name, under the same paths as in
the repository. Equal files make equal wheels. Plugins are not stripped, so that their hashes, which are
in every record, are those of `cargo xtask build`.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[4]
PACKAGE = ROOT / "plugins/python/package/clbench"
PLATFORM = "manylinux_2_34_x86_64"
# The newest versions of symbols that every system of this platform has (PEP 600).
NEWEST = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13)}
# A file that a scenario names, relative to its own folder.
NAMED = re.compile(r"(?:\.\./)+[\w./-]*\w")
# The names of licence files in a crate.
LICENCE = re.compile("licen[cs]e|copying|copyright|notice|unlicense", re.IGNORECASE)
# The earliest time that a zip file can hold.
TIME = (1980, 1, 1, 0, 0, 0)

METADATA = """\
Metadata-Version: 2.4
Name: clbench
Version: {version}
Summary: Compare continual-learning strategies for vision-language models
Keywords: continual-learning,clip,benchmark,vision-language
License-Expression: MIT OR Apache-2.0
{licences}
Classifier: Environment :: Console
Classifier: Intended Audience :: Science/Research
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Python :: 3
Classifier: Programming Language :: Rust
Requires-Python: >=3.9
Requires-Dist: numpy
Provides-Extra: torch
Requires-Dist: torch=={torch}; extra == "torch"
Provides-Extra: pandas
Requires-Dist: pandas; extra == "pandas"
Provides-Extra: tensorboard
Requires-Dist: tensorboard>=2.18; extra == "tensorboard"
Provides-Extra: wandb
Requires-Dist: wandb>=0.20.1; extra == "wandb"
Description-Content-Type: text/markdown

{description}"""

WHEEL = """\
Wheel-Version: 1.0
Generator: clbench {version}
Root-Is-Purelib: false
Tag: py3-none-{platform}
"""

ENTRY_POINTS = """\
[console_scripts]
clbench = clbench.__main__:main
"""

DESCRIPTION = """\
# clbench

clbench compares continual-learning strategies for vision-language models: one YAML file in, an
accuracy matrix for every run and a leaderboard out.

```sh
clbench run quickstart -j 2
```

The first run fetches libtorch for the CPU (0.5 GB), unless PyTorch {torch} is installed, as
`pip install 'clbench[torch]'` does. Results go to `results/runs` in the working folder. In Python,
`clbench.results` reads them (`pip install 'clbench[pandas]'`), `clbench.export` shows them in
TensorBoard and W&B (`clbench[tensorboard]`, `clbench[wandb]`), and a strategy is a subclass of
`clbench.Strategy`.
"""


def metadata():
    """The packages of the workspace, and those that they depend on, as cargo sees them."""
    cargo = os.environ.get("CARGO", "cargo")
    command = [cargo, "metadata", "--format-version", "1", "--locked"]
    command += ["--filter-platform", "x86_64-unknown-linux-gnu"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    return json.loads(output)


def plugins(workspace):
    """The packages of the plugins that ship, by the names of their libraries."""
    folder = str(ROOT / "plugins") + os.sep
    return {
        target["name"].replace("-", "_"): package
        for package in workspace["packages"]
        if package["manifest_path"].startswith(folder)
        for target in package["targets"]
        if "cdylib" in target["kind"]
    }


def crates(workspace, packages):
    """The licences of everything that is compiled into these packages. Most texts are those of
    several crates."""
    compiled, rest = set(), [package["id"] for package in packages]
    nodes = {node["id"]: node for node in workspace["resolve"]["nodes"]}
    while rest:
        package = rest.pop()
        if package not in compiled:
            compiled.add(package)
            for dependency in nodes[package]["deps"]:
                if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                    rest.append(dependency["pkg"])
    compiled -= set(workspace["workspace_members"])
    lines, texts = [], {}
    for package in workspace["packages"]:
        if package["id"] in compiled:
            name = f"{package['name']} {package['version']}"
            lines.append(f"{name}: {package['license']}\n")
            for path in sorted(Path(package["manifest_path"]).parent.iterdir()):
                if path.is_file() and LICENCE.match(path.name):
                    text = path.read_text(encoding="utf-8", errors="replace").strip()
                    texts.setdefault(text, []).append(name)
    rule = "-" * 100
    texts = sorted((sorted(names), text) for text, names in texts.items())
    texts = "".join(f"\n{rule}\n{', '.join(names)}\n\n{text}\n" for names, text in texts)
    return f"The Rust crates in clbench, and their licences.\n\n{''.join(sorted(lines))}{texts}"


def below(folder):
    """The files below a folder, without what Python and editors leave there."""
    files = (path for path in folder.rglob("*") if path.is_file())
    left = lambda path: any(part == "__pycache__" or part.startswith(".") for part in path.parts)
    return [path for path in files if not left(path.relative_to(folder))]


def scenarios():
    """The scenarios and whatever they name in the repository."""
    found = set(below(ROOT / "scenarios"))
    for scenario in sorted(path for path in found if path.suffix == ".yaml"):
        for name in NAMED.findall(scenario.read_text(encoding="utf-8")):
            path = Path(os.path.normpath(scenario.parent / name))
            if path.is_dir():
                found.update(below(path))
            elif path.is_file():
                found.add(path)
            else:
                sys.exit(f"{scenario} names {path}, which is missing; run `cargo xtask build`")
    return found


def check_symbols(path):
    """Fails if a library or program needs newer system libraries than its platform has."""
    command = ["objdump", "-p", str(path)]
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        dump = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    except FileNotFoundError:
        sys.exit("objdump is missing; install binutils")
    for library, version in re.findall(r"\b([A-Z]+)_([0-9.]+)\b", dump.stdout.decode()):
        newest = NEWEST.get(library)
        if newest and tuple(map(int, version.split("."))) > newest:
            newest = ".".join(map(str, newest))
            sys.exit(
                f"{path} needs {library} {version}, but {PLATFORM} has {newest}; build on an older "
                "system, such as Debian 12"
            )


def contents(release):
    """The version, and the content of every file by its path in the wheel, with its mode."""
    workspace = metadata()
    libraries = plugins(workspace)
    (harness,) = (
        package
        for package in workspace["packages"]
        if package["name"] == "harness" and package["id"] in workspace["workspace_members"]
    )
    version = harness["version"]
    files = {}
    for path in below(PACKAGE):
        files[f"clbench/{path.relative_to(PACKAGE).as_posix()}"] = (path.read_bytes(), 0o644)
    program = release / "clbench"
    built = [program, *(release / f"lib{name}.so" for name in libraries)]
    for path in built:
        if not path.is_file():
            sys.exit(f"{path} is missing; run `cargo xtask build`")
        check_symbols(path)
        mode = 0o755 if path == program else 0o644
        files[f"clbench/_bin/{path.name}"] = (path.read_bytes(), mode)
    for path in scenarios():
        if path.suffix == ".so":
            check_symbols(path)
        files[f"clbench/_bin/{path.relative_to(ROOT).as_posix()}"] = (path.read_bytes(), 0o644)

    info = f"clbench-{version}.dist-info"
    licences = {
        name: (ROOT / path).read_bytes()
        for name, path in (
            ("LICENSE-APACHE", "LICENSE-APACHE"),
            ("LICENSE-MIT", "LICENSE-MIT"),
            ("THIRD-PARTY.md", "THIRD-PARTY.md"),
            ("digits/LICENSE", "harness/src/domain/source/digits/LICENSE"),
        )
    }
    licences["crates.txt"] = crates(workspace, [harness, *libraries.values()]).encode()
    for name, content in licences.items():
        files[f"{info}/licenses/{name}"] = (content, 0o644)
    wheels = (ROOT / "harness/libtorch/libtorch.txt").read_text(encoding="utf-8")
    torch = re.search(r"^torch==(\S+)", wheels, re.MULTILINE)[1]
    texts = {
        "METADATA": METADATA.format(
            version=version,
            licences="\n".join(f"License-File: {name}" for name in licences),
            torch=torch,
            description=DESCRIPTION.format(torch=torch),
        ),
        "WHEEL": WHEEL.format(version=version, platform=PLATFORM),
        "entry_points.txt": ENTRY_POINTS,
    }
    for name, text in texts.items():
        files[f"{info}/{name}"] = (text.encode(), 0o644)
    record = "".join(
        f"{name},sha256={digest(content)},{len(content)}\n"
        for name, (content, _) in sorted(files.items())
    )
    files[f"{info}/RECORD"] = (f"{record}{info}/RECORD,,\n".encode(), 0o644)
    return version, files


def digest(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def order(name):
    """Sorted, with the folder of metadata last, as the specification recommends."""
    return PurePosixPath(name).parts[0].endswith(".dist-info"), name


def write(path, files):
    """Writes the wheel under another name first, so that one that exists is whole."""
    part = path.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files, key=order):
            content, mode = files[name]
            entry = zipfile.ZipInfo(name, TIME)
            entry.create_system = 3  # Unix, so that the mode counts.
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    part.replace(path)


def main():
    parser = argparse.ArgumentParser(prog="cargo xtask wheel", description="Pack a wheel.")
    # Set by xtask.
    parser.add_argument("--release", type=Path, help=argparse.SUPPRESS)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the wheel [default: target/wheel]"
    )
    options = parser.parse_args()
    release = options.release or ROOT / "target/release"
    out = options.out or release.parent / "wheel"
    version, files = contents(release)
    out.mkdir(parents=True, exist_ok=True)
    wheel = out / f"clbench-{version}-py3-none-{PLATFORM}.whl"
    write(wheel, files)
    print(wheel)


main()
