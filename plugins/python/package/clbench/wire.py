"""Messages between the host and a worker.

A message is two lengths (u32, little-endian), a header in JSON, and a body. Small tensors are in
the body, large ones in one memfd whose descriptor comes with the message. The header says where:
`{"$tensor": {"dtype": …, "shape": …, "at": offset}}` for the body, `{…, "memory": offset}` for the
memfd. `"$memory"` in the header is the memfd's number.

The host's memfds are mapped privately: tensors are writable without a copy, and the host never sees
what is written. The host uses a memfd again when the worker has told that the last of its tensors
is gone. The worker has one memfd, which it uses again for every message: the host has read a
message before the worker sends the next one.
"""

import array
import json
import mmap
import os
import socket
import struct
import sys
import weakref

from clbench.rows import row_numbers

LENGTHS = struct.Struct("<II")
#: Larger tensors are in the memfd.
INLINE_BYTES = 64 << 10
#: Tensors begin at multiples of this.
ALIGNMENT = 64
#: The header's key for the number of its memfd.
MEMORY = "$memory"
#: Name, size in bytes, and NumPy's name. NumPy has no bfloat16.
TYPES = {
    "u8": (1, "uint8"),
    "i64": (8, "int64"),
    "f16": (2, "float16"),
    "bf16": (2, None),
    "f32": (4, "float32"),
    "f64": (8, "float64"),
}


class Closed(Exception):
    """The other side has closed the connection."""


class Connection:
    """One end of a socket pair."""

    def __init__(self, descriptor):
        self.socket = socket.socket(fileno=descriptor)
        #: The numbers of the host's memfds of which no tensor is left.
        self.unused = []
        self.memory = None

    def send(self, message):
        """Sends a message, whose values are JSON, arrays and tensors."""
        tensors = _Tensors()
        header = json.dumps(_outgoing(message, tensors)).encode()
        self._send(header, tensors.inline, self._written(tensors.large))

    def send_descriptor(self, message, descriptor):
        """Sends a message without tensors, and a descriptor, which is closed here."""
        try:
            self._send(json.dumps(message).encode(), [], descriptor)
        finally:
            os.close(descriptor)

    def _written(self, large):
        """The memfd, with these bytes in it; none if there are none."""
        if not large:
            return None
        if self.memory is None:
            self.memory = os.memfd_create("clbench-tensors", os.MFD_CLOEXEC)
        for at, data in large:
            view = memoryview(data)
            while view:
                written = os.pwrite(self.memory, view, at)
                view, at = view[written:], at + written
        return self.memory

    def _send(self, header, parts, descriptor):
        ancillary = []
        if descriptor is not None:
            sent = array.array("i", [descriptor])
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, sent)]
        start = LENGTHS.pack(len(header), sum(map(len, parts)))
        try:
            sent = self.socket.sendmsg([start], ancillary)
            self.socket.sendall(start[sent:] + header)
            for part in parts:
                self.socket.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def receive(self):
        """Waits for a message."""
        header, body, descriptors = self._next()
        memory = None
        if descriptors:
            [descriptor] = descriptors
            memory = mmap.mmap(descriptor, os.fstat(descriptor).st_size, mmap.MAP_PRIVATE)
            os.close(descriptor)
            number = header.pop(MEMORY, None)
            if number is not None:
                # Runs whenever the last tensor dies, so it only takes a note.
                weakref.finalize(memory, self.unused.append, number).atexit = False
        return _incoming(header, body, memory)

    def receive_descriptors(self):
        """Waits for a message without tensors. Returns it with the descriptors that came with it."""
        header, _, descriptors = self._next()
        return header, descriptors

    def _next(self):
        try:
            lengths, descriptors, _, _ = socket.recv_fds(
                self.socket, LENGTHS.size, 1, socket.MSG_CMSG_CLOEXEC
            )
            if not lengths:
                raise Closed
            lengths += self._exactly(LENGTHS.size - len(lengths))
            header, body = LENGTHS.unpack(lengths)
            return json.loads(self._exactly(header)), self._exactly(body), descriptors
        except ConnectionResetError:
            raise Closed from None

    def _exactly(self, length):
        taken = bytearray(length)
        view = memoryview(taken)
        while view:
            got = self.socket.recv_into(view)
            if not got:
                raise Closed
            view = view[got:]
        return taken

    def close(self):
        self.socket.close()


class _Tensors:
    """The tensors of a message that is sent."""

    def __init__(self):
        self.inline, self.inline_length = [], 0
        self.large, self.large_length = [], 0

    def put(self, dtype, shape, data):
        """Adds a tensor's bytes. Returns what the header says of it."""
        entry = {"dtype": dtype, "shape": shape}
        if len(data) > INLINE_BYTES:
            entry["memory"] = self.large_length
            self.large.append((self.large_length, data))
            self.large_length += len(data) + -len(data) % ALIGNMENT
        else:
            entry["at"] = self.inline_length
            padded = len(data) + -len(data) % ALIGNMENT
            self.inline += [data, bytes(padded - len(data))]
            self.inline_length += padded
        return {"$tensor": entry}


def _outgoing(value, tensors):
    if isinstance(value, dict):
        return {_key(key): _outgoing(item, tensors) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_outgoing(item, tensors) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return tensors.put(*_bytes_of_tensor(value.detach(), torch))
    import numpy

    if isinstance(value, numpy.generic):
        return value.item()
    if isinstance(value, numpy.ndarray):
        return tensors.put(*_bytes_of_array(value, numpy))
    raise TypeError(f"neither JSON nor a tensor: {type(value).__name__}")


def _key(key):
    if not isinstance(key, str):
        raise TypeError(f"a key should be a str, not {type(key).__name__}: {key!r}")
    return key


def _bytes_of_array(array_, numpy):
    names = {name: dtype for dtype, (_, name) in TYPES.items()}
    dtype = names.get(array_.dtype.name)
    if dtype is None:
        known = ", ".join(name for name in names if name)
        raise TypeError(f"an array of {array_.dtype.name} cannot be passed on; convert it to {known}")
    ordered = numpy.ascontiguousarray(array_)
    return dtype, list(array_.shape), memoryview(ordered.reshape(-1).view("uint8"))


def _bytes_of_tensor(tensor, torch):
    for dtype, (_, name) in TYPES.items():
        if tensor.dtype == getattr(torch, name or "bfloat16"):
            flat = tensor.cpu().contiguous().reshape(-1).view(torch.uint8)
            return dtype, list(tensor.shape), memoryview(flat.numpy())
    raise TypeError(f"a tensor of {tensor.dtype} cannot be passed on; convert it to torch.float32")


class Received:
    """A tensor's bytes, which become an array or a torch tensor without a copy."""

    def __init__(self, dtype, shape, data):
        self.dtype, self.shape, self.data = dtype, tuple(shape), data

    def numpy(self):
        import numpy

        _, name = TYPES[self.dtype]
        if name is None:
            raise TypeError("NumPy has no bfloat16; `import torch` to read it")
        return numpy.frombuffer(self.data, name).reshape(self.shape)

    def torch(self):
        import torch

        _, name = TYPES[self.dtype]
        dtype = getattr(torch, name or "bfloat16")
        if not len(self.data):
            return torch.empty(self.shape, dtype=dtype)
        return torch.frombuffer(self.data, dtype=dtype).reshape(self.shape)

    def rows(self, rows):
        """A copy of these rows, as `native` returns them all."""
        if "torch" in sys.modules:
            torch = sys.modules["torch"]
            return self.torch()[torch.tensor(row_numbers(rows), dtype=torch.int64)]
        import numpy

        return self.numpy()[numpy.array(row_numbers(rows), dtype="int64")]

    def native(self):
        """A torch tensor if the strategy uses torch, otherwise an array."""
        return self.torch() if "torch" in sys.modules else self.numpy()


def _incoming(value, body, memory):
    if isinstance(value, list):
        return [_incoming(item, body, memory) for item in value]
    if not isinstance(value, dict):
        return value
    if list(value) != ["$tensor"]:
        return {key: _incoming(item, body, memory) for key, item in value.items()}
    entry = value["$tensor"]
    size, _ = TYPES[entry["dtype"]]
    for length in entry["shape"]:
        size *= length
    if "memory" in entry:
        data = memoryview(memory)[entry["memory"] : entry["memory"] + size]
    else:
        data = memoryview(body)[entry["at"] : entry["at"] + size]
    if len(data) != size:
        raise ValueError(f"a tensor of {size} bytes came with {len(data)}")
    return Received(entry["dtype"], entry["shape"], data)
