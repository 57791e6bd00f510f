# SPDX-License-Identifier: Apache-2.0
"""A command on a pseudo-terminal of its own, as a user's shell would start it."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import engine


class Terminal:
    def __init__(self, argv, env=None, rows=24, columns=80):
        self.master, slave = pty.openpty()
        self.resize(rows, columns, signal_too=False)
        self.seen = ''
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env,
                                        start_new_session=True, preexec_fn=self.control)
        os.close(slave)

    @staticmethod
    def control():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, rows, columns, signal_too=True):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        if signal_too:
            self.process.send_signal(signal.SIGWINCH)

    def send(self, text):
        os.write(self.master, text.encode())

    def line(self, text):
        self.send(text + '\r')

    def expect(self, pattern, seconds=10):
        """Reads until the pattern is there; returns what stood before and the match."""
        deadline = time.monotonic() + seconds * engine.SLOWER
        while True:
            match = re.search(pattern, self.seen)
            if match:
                before = self.seen[:match.start()]
                self.seen = self.seen[match.end():]
                return before, match
            left = deadline - time.monotonic()
            if left <= 0 or not self.fill(left):
                raise AssertionError(f'no {pattern!r} on the terminal; there is {self.seen!r}')

    def fill(self, seconds):
        ready, _, _ = select.select([self.master], [], [], max(seconds, 0))
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:        # EIO: the other side is closed
            return False
        self.seen += data.decode(errors='replace')
        return bool(data)

    def end(self, seconds=10):
        """The exit code, once everything was read."""
        deadline = time.monotonic() + seconds * engine.SLOWER
        while self.process.poll() is None and time.monotonic() < deadline:
            self.fill(0.05)
        while self.fill(0):
            pass
        if self.process.poll() is None:
            raise AssertionError(f'the client does not end; the terminal shows {self.seen!r}')
        return self.process.returncode

    def settings(self):
        return termios.tcgetattr(self.master)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)

    def __enter__(self):
        return self

    def __exit__(self, *_unused):
        self.close()
