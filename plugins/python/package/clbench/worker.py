"""The process in which a strategy runs.

The host starts one zygote for each cell, which imports torch and nothing else. Every task gets a
fork of it, with a connection of its own: so whatever is not in the strategy's state is gone after a
task, a module's globals too.

The host opens with `{"version": 1}`, and the zygote answers with its version. Then the host sends
orders:

| order | with | answer |
|:--|:--|:--|
| `import` | a module | none |
| `fork` | | `worker`, the process, and the descriptor of a connection |
| `ended` | a worker that is gone | `status`: its exit code, or the negative number of a signal |

On a worker's connection the host makes one call at a time:

| call | with | done |
|:--|:--|:--|
| `check` | `file`, `class`, `parameters`, `snapshot`, `setting`, `backbones` | what the class declares, `sources`, `versions` |
| `create` | the same, `debug` | `sources` |
| `learn` | `task`, `labels`, `index` | `optimiser_steps`; `imported`, worth an order `import` |
| `predict` | `batch` | `logits` |
| `state` | | `json`, a text; `tensors` by name |
| `restore` | `json`, `tensors` | |

A call ends with `{"done": …}`, `{"failed": MESSAGE}`, `{"cancelled": true}` after an interrupt, or
`{"parameter": KEY, "problem": …}`. Before that, the worker may ask, and gets an answer or
`{"error": MESSAGE}`:

| ask | with | answer |
|:--|:--|:--|
| `features`, `output`, `images` | `backbone`, `rows` or none for all; `output`; `draw` | `tensor` |
| `texts`, `encode` | `backbone`, `texts` or `images` | `tensor` |
| `forward` | `backbone`, `prompts`, `outputs`, `options`, and `texts`, `rows`, `place` or `images` | `outputs`, `pullback` |
| `pullback` | `pullback`, `gradients` | `gradients` |

and may tell `progress`, `scalar`, and `release` of pullbacks that will not run and of memfds that no
tensor is left of, which have no answer.
"""

import contextlib
import faulthandler
import importlib
import importlib.util
import json
import os
import random
import signal
import socket
import sys
import traceback

from clbench import parameters
from clbench.backbone import Backbone
from clbench.rows import row_numbers
from clbench.sources import Sources
from clbench.strategy import Batch, Setting, Strategy, Task
from clbench.wire import Closed, Connection, Received

#: The version of what this module describes.
VERSION = 1
#: The files of frames that say nothing to a strategy's author: this package's and the importer's.
NOT_SHOWN = (os.path.dirname(os.path.abspath(__file__)) + os.sep, "<frozen importlib")
#: Modules that take long to import, and that PyTorch imports only when they are used: the first
#: step of an optimiser needs this one.
SLOW = ("torch._dynamo",)
KEEPS = ("statistics", "generators", "features", "images")


def zygote(descriptor):
    """Forks a worker whenever the host asks for one, until the host is gone."""
    control = Connection(descriptor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    workers = set()
    try:
        opening = control.receive()
        control.send({"version": VERSION})
        if opening["version"] != VERSION:
            return
        while True:
            order = control.receive()
            if "import" in order:
                # If that fails, the strategy's own import says why.
                with contextlib.suppress(Exception):
                    importlib.import_module(order["import"])
            elif "fork" in order:
                ours, theirs = (end.detach() for end in socket.socketpair())
                child = os.fork()
                if child == 0:
                    control.close()
                    os.close(theirs)
                    signal.signal(signal.SIGINT, signal.default_int_handler)
                    faulthandler.enable()
                    _end(serve(Connection(ours)))
                os.close(ours)
                workers.add(child)
                control.send_descriptor({"worker": child}, theirs)
            else:
                _, status = os.waitpid(order["ended"], 0)
                workers.discard(order["ended"])
                control.send({"status": exit_code(status)})
    except Closed:
        # The host is gone. Workers are not waited for before this, so their numbers are theirs.
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        # In a group of its own, whatever workers have started ends as well.
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)


def exit_code(status):
    """What a process ended with; the negative number of a signal if that ended it."""
    if os.WIFSIGNALED(status):
        return -os.WTERMSIG(status)
    return os.WEXITSTATUS(status)


def _end(code):
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Failure(Exception):
    """What the host reports in an answer."""


class Host:
    """The host's side of a call, as strategies use it."""

    def __init__(self, connection):
        self.connection = connection
        self.released = []

    def ask(self, message):
        """Sends a request and waits for its answer."""
        self.release_unused()
        self.connection.send(message)
        answer = self.connection.receive()
        if "error" in answer:
            raise Failure(answer["error"])
        return answer

    def tell(self, message):
        """Sends a message that has no answer."""
        self.connection.send(message)

    def release_unused(self):
        """Tells the host what it need not keep any longer."""
        # A collection may add to a list while it is sent.
        pullbacks, self.released = self.released, []
        unused = self.connection.unused
        memories = unused[:]
        del unused[: len(memories)]
        if pullbacks or memories:
            self.tell({"tell": "release", "pullbacks": pullbacks, "memories": memories})

    def samples(self, what, rows, backbone, **more):
        """Cached outputs or images, of these rows or of all."""
        rows = None if rows is None else row_numbers(rows)
        message = {"ask": what, "rows": rows, "backbone": backbone, **more}
        return self.ask(message)["tensor"]

    def release(self, pullback):
        # Runs whenever the garbage collector does, so it only takes a note.
        self.released.append(pullback)


def serve(connection):
    """Answers the host's calls until it closes the connection."""
    session = Session(Host(connection))
    sys.breakpointhook = ignored_breakpoint
    while True:
        try:
            call = connection.receive()
        except Closed:
            return 0
        try:
            answer = {"done": getattr(session, call["call"])(call)}
        except Closed:
            return 0
        except KeyboardInterrupt:
            answer = {"cancelled": True}
        except parameters.ParameterError as error:
            answer = {"parameter": error.path, "problem": error.problem}
        except BaseException as error:  # a SystemExit too
            answer = {"failed": session.told(error)}
        try:
            connection.send(answer)
        except Closed:
            return 0
        except TypeError as error:
            connection.send({"failed": str(error)})


class Session:
    """A strategy, from its file on."""

    def __init__(self, host):
        self.host = host
        self.file = None

    def check(self, call):
        """Loads the class, and checks its declarations and the parameters."""
        instance = self.instantiate(call)
        keeps = _listed(self.strategy, "keeps")
        for kept in keeps:
            if kept not in KEEPS:
                known = ", ".join(map(repr, KEEPS))
                raise ValueError(f"`keeps` has {kept!r}; it can have {known}")
        return {
            "keeps": keeps,
            "reads": _listed(self.strategy, "reads"),
            "scores_unseen": bool(self.strategy.scores_unseen),
            "batch_dependent": bool(self.strategy.batch_dependent),
            "adaptation": self.strategy.adaptation,
            "trainable_parameters": int(instance.trainable_parameters()),
            "sources": self.sources.listed(),
            "versions": versions(),
        }

    def load(self, call):
        self.file = call["file"]
        self.sources = Sources(call["snapshot"])
        self.sources.install()
        self.strategy = loaded(call["file"], call["class"], self.sources)
        self.sources.close(call["file"])
        self.parameters = parameters.read(self.strategy, call["parameters"])

    def create(self, call):
        """Creates the strategy as it is before its first task."""
        if call["debug"]:
            take_terminal()
        instance = self.instantiate(call)
        instance.start()
        self.instance = instance
        return {"sources": self.sources.listed()}

    def instantiate(self, call):
        """The strategy before `start`."""
        self.load(call)
        setting = call["setting"]
        seed_everything(setting["seed"], 0)
        set_threads(setting["threads"])
        instance = self.strategy()
        instance.parameters = self.parameters
        instance.setting = Setting(**setting)
        backbones = enumerate(call["backbones"])
        instance.backbones = [Backbone(self.host, number, info) for number, info in backbones]
        instance.state = {}
        return instance

    def learn(self, call):
        seed_everything(self.instance.setting.seed, call["task"]["id"])
        task = Task(self.host, call["task"], call["labels"], call["index"])
        before = set(sys.modules)
        steps = self.instance.learn(task)
        imported = [name for name in SLOW if name in sys.modules and name not in before]
        return {"optimiser_steps": int(steps or 0), "imported": imported}

    def predict(self, call):
        batch = Batch(self.host, call["batch"])
        return {"logits": checked_logits(self.instance.predict(batch), batch)}

    def state(self, call):
        tensors = {}
        state = _taken(self.instance.state_dict(), "", tensors)
        # As text, so that dictionaries keep their order.
        return {"json": json.dumps(state), "tensors": tensors}

    def restore(self, call):
        self.instance.load_state_dict(_given_back(json.loads(call["json"]), call["tensors"]))
        return {}

    def told(self, error):
        """An exception in a line, with the line of the author's file that it comes from. The whole
        traceback goes to the log."""
        frames = traceback.extract_tb(error.__traceback__)
        shown = [frame for frame in frames if not frame.filename.startswith(NOT_SHOWN)]
        message = traceback.format_exception_only(type(error), error)
        lines = ["Traceback (most recent call last):\n", *traceback.format_list(shown), *message]
        print("".join(lines), file=sys.stderr, end="", flush=True)
        what = str(error) if isinstance(error, Failure) else message[-1].strip()
        if isinstance(error, SyntaxError) and error.filename:
            return f"{error.filename}:{error.lineno}: {what}"
        own = [frame for frame in shown if frame.filename == self.file] or shown
        if own:
            return f"{own[-1].filename}:{own[-1].lineno}: {what}"
        return what


def checked_logits(logits, batch):
    """Logits in f32, of a shape that fits the batch."""
    expected = (len(batch), len(batch.classes))
    if not hasattr(logits, "shape"):
        raise TypeError(
            f"`predict` should return a tensor or an array, not {type(logits).__name__}"
        )
    if tuple(logits.shape) != expected:
        raise ValueError(
            f"`predict` returned shape {list(logits.shape)}; expected {list(expected)}: a row for "
            "each image, a column for each class"
        )
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(logits, torch.Tensor):
        if not logits.is_floating_point():
            raise TypeError(f"`predict` should return floating-point logits, not {logits.dtype}")
        return logits.detach().float()
    if logits.dtype.kind != "f":
        raise TypeError(f"`predict` should return floating-point logits, not {logits.dtype}")
    return logits.astype("float32", copy=False)


def loaded(file, name, sources):
    """The class of that name in a file."""
    folder, base = os.path.split(file)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module_name = os.path.splitext(base)[0]
    spec = sources.spec(module_name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    strategy = getattr(module, name, None)
    if isinstance(strategy, type) and issubclass(strategy, Strategy):
        return strategy
    classes = [
        other
        for other, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Strategy) and value is not Strategy
    ]
    listed = ", ".join(f"`{other}`" for other in classes) or "none"
    problem = "is no subclass of clbench.Strategy" if strategy else "is not there"
    raise TypeError(f"`{name}` {problem}; strategies in {base}: {listed}")


def _listed(strategy, name):
    value = getattr(strategy, name)
    if isinstance(value, str):
        raise TypeError(f"`{name}` should be a list, such as `{name} = [{value!r}]`")
    return list(value)


def ignored_breakpoint(*_, **__):
    """What `breakpoint()` does if nobody can type."""
    print("breakpoint() is ignored; `clbench run --debug-python` stops at it", file=sys.stderr)


def take_terminal():
    """Lets a debugger read from and write to the terminal."""
    sys.breakpointhook = sys.__breakpointhook__
    terminal = os.open("/dev/tty", os.O_RDWR)
    for descriptor in range(3):
        os.dup2(terminal, descriptor)
    os.close(terminal)


def seed_everything(seed, task):
    """Seeds the global generators, differently for every task."""
    mixed = (seed * 1_000_003 + task) % 2**32
    random.seed(mixed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(mixed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(mixed)


def set_threads(threads):
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def versions():
    """What the results may depend on."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in ("numpy", "torch"):
        if name in sys.modules:
            found[name] = sys.modules[name].__version__
    return found


def _taken(value, path, tensors):
    """The JSON of a state, with references in place of tensors, which are collected."""
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"the state's key {path}[{key!r}] is no str; write `str(…)`")
        return {key: _taken(item, f"{path}.{key}" if path else key, tensors) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_taken(item, f"{path}[{at}]", tensors) for at, item in enumerate(value)]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError(f"the state's `{path}` is {value}, which JSON has not; keep it in an array")
        return value
    for module, kind in (("torch", "Tensor"), ("numpy", "ndarray")):
        if module in sys.modules and isinstance(value, getattr(sys.modules[module], kind)):
            tensors[path] = value
            return {"$state": path, "as": module}
    raise TypeError(
        f"the state's `{path}` is a {type(value).__name__}; keep tensors, arrays, numbers, texts, "
        "lists and dicts"
    )


def _given_back(value, tensors):
    if isinstance(value, list):
        return [_given_back(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"$state", "as"}:
        received: Received = tensors[value["$state"]]
        return received.torch() if value["as"] == "torch" else received.numpy()
    return {key: _given_back(item, tensors) for key, item in value.items()}
