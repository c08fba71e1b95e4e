"""The author's modules, which run from exactly the bytes that are hashed.

A module counts as the author's if its file is neither in the standard library nor in a
site-packages folder; those of an editable install count too. Its compiled form on disk (`.pyc`) is
never used. After the strategy's file has been imported, no other module of the author's can be: so
the hashes cover everything that the strategy can run.

A snapshot is a folder with a copy of the sources, which are then read from there and nowhere else.
"""

import hashlib
import importlib.machinery
import importlib.util
import json
import os
import site
import sys
import sysconfig

#: The list of a snapshot's sources.
LIST = "sources.json"


class Sources:
    """Finds and loads modules, and remembers those of the author."""

    def __init__(self, snapshot=None):
        #: What was loaded: path and SHA-256 by module.
        self.loaded = {}
        self.snapshot = snapshot
        self.copies = {}
        if snapshot:
            with open(os.path.join(snapshot, LIST), encoding="utf-8") as file:
                self.copies = {entry["module"]: entry for entry in json.load(file)}
        #: The file after whose import nothing more may be loaded.
        self.closed_by = None
        self._foreign = _foreign_folders()

    def install(self):
        """Loads all modules from now on."""
        sys.meta_path.insert(0, self)

    def close(self, file):
        """From now on, importing a further module of the author's is an error."""
        self.closed_by = file

    def listed(self):
        """What was loaded, in order of the modules' names."""
        return [
            {"module": module, "path": path, "sha256": sha256}
            for module, (path, sha256) in sorted(self.loaded.items())
        ]

    def spec(self, module, path):
        """How to load the module in this file."""
        return self._own(importlib.util.spec_from_file_location(module, path))

    def find_spec(self, name, path=None, target=None):
        """As the importer asks."""
        copy = self.copies.get(name)
        if copy is not None:
            folders = [os.path.dirname(copy["path"])] if _is_package(copy["path"]) else None
            found = importlib.util.spec_from_file_location(
                name, copy["path"], submodule_search_locations=folders
            )
            return self._own(found)
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            found = finder.find_spec(name, path, target)
            if found is not None:
                return self._own(found)
        return None

    def _own(self, spec):
        if not spec.has_location or not spec.origin or not self._is_own(spec.origin):
            return spec
        if self.closed_by is not None:
            base = os.path.basename(self.closed_by)
            raise ImportError(
                f"`{spec.name}` is first imported after {base} has been loaded; import it at the "
                f"top of {base}, so that records know what they were made from"
            )
        if isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(spec.name, spec.origin, self)
        elif os.path.isfile(spec.origin):
            self.take(spec.name, spec.origin)
        else:
            raise ImportError(
                f"`{spec.name}` is in an archive, {spec.origin}, so records cannot know it; unpack it"
            )
        return spec

    def _is_own(self, path):
        path = os.path.realpath(path)
        return not path.startswith(self._foreign)

    def take(self, module, path):
        """The bytes of a module's file, which are remembered."""
        copy = self.copies.get(module)
        is_source = path.endswith(".py")
        read = path
        if copy is not None and is_source:
            read = os.path.join(self.snapshot, copy["sha256"] + ".py")
        with open(read, "rb") as file:
            data = file.read()
        found = hashlib.sha256(data).hexdigest()
        if self.snapshot and (copy is None or copy["sha256"] != found):
            raise ImportError(f"{read} is not what the run was planned with; run it again")
        self.loaded[module] = (path, found)
        return data


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name, path, sources):
        super().__init__(name, path)
        self.sources = sources

    def get_code(self, fullname):
        return self.source_to_code(self.sources.take(fullname, self.path), self.path)


def _is_package(path):
    return os.path.basename(path) == "__init__.py"


def _foreign_folders():
    """The standard library and the folders of installed packages, as prefixes of paths."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {sysconfig.get_path(name) for name in names}
    folders.update(getattr(site, "getsitepackages", list)())
    folders.add(site.getusersitepackages())
    # Of a virtual environment, that is the folder of its interpreter's library.
    folders.add(os.path.dirname(os.__file__))
    return tuple(os.path.realpath(folder) + os.sep for folder in folders if folder)
