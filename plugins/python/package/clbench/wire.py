"""Messages between the host and a worker.

A message is two lengths (u32, little-endian), a header in JSON, and a body. Tensors are either in
the body or in memory of their own, a memfd whose descriptor comes with the message; the header says
where, `{"$tensor": {"dtype": …, "shape": …, "at": offset}}` or `{…, "memory": number}`.
"""

import array
import json
import mmap
import os
import socket
import struct
import sys

LENGTHS = struct.Struct("<II")
#: Larger tensors have memory of their own.
INLINE_BYTES = 64 << 10
#: The most descriptors in a message.
MOST_DESCRIPTORS = 64
#: Tensors in a body begin at multiples of this.
ALIGNMENT = 64
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

    def send(self, message):
        """Sends a message, whose values are JSON, arrays and tensors."""
        body, descriptors = [], []
        header = json.dumps(_outgoing(message, _Body(body, descriptors))).encode()
        length = sum(map(len, body))
        start = [LENGTHS.pack(len(header), length)]
        try:
            self._send_with_descriptors(start, descriptors)
            self.socket.sendall(header)
            for part in body:
                self.socket.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def send_descriptor(self, message, descriptor):
        """Sends a message without tensors, and a descriptor, which is closed here."""
        header = json.dumps(message).encode()
        try:
            self._send_with_descriptors([LENGTHS.pack(len(header), 0)], [descriptor])
            self.socket.sendall(header)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None
        finally:
            os.close(descriptor)

    def _send_with_descriptors(self, start, descriptors):
        ancillary = []
        if descriptors:
            sent = array.array("i", descriptors)
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, sent)]
        sent = self.socket.sendmsg(start, ancillary)
        if sent < LENGTHS.size:
            self.socket.sendall(start[0][sent:])

    def receive(self):
        """Waits for a message."""
        header, body, descriptors = self._next()
        memories = []
        for descriptor in descriptors:
            # Writable, but private: what a strategy writes, the host never sees.
            size = os.fstat(descriptor).st_size
            memories.append(mmap.mmap(descriptor, size, mmap.MAP_PRIVATE))
            os.close(descriptor)
        return _incoming(header, body, memories)

    def receive_descriptors(self):
        """Waits for a message without tensors. Returns it with the descriptors that came with it."""
        header, _, descriptors = self._next()
        return header, descriptors

    def _next(self):
        try:
            lengths, descriptors, _, _ = socket.recv_fds(
                self.socket, LENGTHS.size, MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
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


class _Body:
    def __init__(self, parts, descriptors):
        self.parts, self.descriptors, self.length = parts, descriptors, 0

    def put(self, dtype, shape, data):
        """Adds a tensor's bytes. Returns what the header says of it."""
        entry = {"dtype": dtype, "shape": shape}
        if len(data) > INLINE_BYTES and len(self.descriptors) < MOST_DESCRIPTORS:
            descriptor = os.memfd_create("clbench-tensor", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            self.descriptors.append(descriptor)
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            entry["memory"] = len(self.descriptors) - 1
        else:
            padding = -self.length % ALIGNMENT
            self.parts += [bytes(padding), data]
            self.length += padding
            entry["at"] = self.length
            self.length += len(data)
        return {"$tensor": entry}


def _outgoing(value, body):
    if isinstance(value, dict):
        return {_key(key): _outgoing(item, body) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_outgoing(item, body) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return body.put(*_bytes_of_tensor(value.detach(), torch))
    import numpy

    if isinstance(value, numpy.generic):
        return value.item()
    if isinstance(value, numpy.ndarray):
        return body.put(*_bytes_of_array(value, numpy))
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

    def native(self):
        """A torch tensor if the strategy uses torch, otherwise an array."""
        return self.torch() if "torch" in sys.modules else self.numpy()


def _incoming(value, body, memories):
    if isinstance(value, list):
        return [_incoming(item, body, memories) for item in value]
    if not isinstance(value, dict):
        return value
    if list(value) != ["$tensor"]:
        return {key: _incoming(item, body, memories) for key, item in value.items()}
    entry = value["$tensor"]
    size, _ = TYPES[entry["dtype"]]
    for length in entry["shape"]:
        size *= length
    if "memory" in entry:
        data = memoryview(memories[entry["memory"]])[:size]
    else:
        data = memoryview(body)[entry["at"] : entry["at"] + size]
    if len(data) != size:
        raise ValueError(f"a tensor of {size} bytes came with {len(data)}")
    return Received(entry["dtype"], entry["shape"], data)
