"""The host's side of the worker protocol, for tests."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from clbench.wire import Closed, Connection

PACKAGE = Path(__file__).resolve().parents[1]


class Zygote:
    """A zygote, and its workers."""

    def __init__(self, module=None):
        ours, theirs = socket.socketpair()
        start = f"from clbench.worker import zygote; zygote({theirs.fileno()})"
        self.process = subprocess.Popen(
            [sys.executable, "-c", start],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(PACKAGE), "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
        )
        theirs.close()
        self.control = Connection(ours.detach())
        self.control.send({"version": 1, "import": module})
        assert self.control.receive() == {"version": 1}
        self.workers = []
        self.printed = None

    def fork(self):
        self.control.send({"fork": True})
        answer, descriptors = self.control.receive_descriptors()
        self.workers.append(Worker(Connection(descriptors[0]), answer["worker"]))
        return self.workers[-1]

    def close(self):
        """Ends everything; returns what was printed to the standard error. Once is enough."""
        if self.printed is not None:
            return self.printed
        for end in (self.control, *(worker.connection for worker in self.workers)):
            end.close()
        _, self.printed = self.process.communicate(timeout=10)
        return self.printed


class Worker:
    """A worker, whose requests `answer` answers."""

    def __init__(self, connection, pid):
        self.connection, self.pid = connection, pid
        self.told = []

    def call(self, name, answer=None, **arguments):
        """Makes a call, and returns the worker's last message."""
        self.connection.send({"call": name, **arguments})
        while True:
            message = self.connection.receive()
            if "tell" in message:
                self.told.append(message)
            elif "ask" in message:
                try:
                    self.connection.send(answer(message))
                except Exception as error:
                    self.connection.send({"error": str(error)})
            else:
                return message

    def interrupt(self):
        os.kill(self.pid, signal.SIGINT)

    def is_gone(self):
        try:
            self.connection.receive()
        except Closed:
            return True
        return False
