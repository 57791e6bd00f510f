# SPDX-License-Identifier: Apache-2.0
"""An engine under test, berthd or Debian's dockerd, and the ways to talk to it.

Every test is written against this class, so the same test runs against both: what it says about
Docker's behaviour is checked against Docker.
"""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time

PREFIX = os.environ.get('BERTH_PREFIX') or os.path.join(
    os.environ.get('BERTH_BUILD', os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                               '..', '..', 'build-test')), 'prefix')
# A sanitizer's build is slower by this much.
SLOWER = {'asan': 3, 'tsan': 8}.get(os.environ.get('BERTH_SANITIZER', ''), 1)


class Result:
    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err

    def __repr__(self):
        return f'{" ".join(self.argv)} -> {self.code}\nstdout: {self.out!r}\nstderr: {self.err!r}'


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__('localhost', timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Engine:
    def __init__(self, sandbox, kind='berth', cli='berth', name='e', arguments=(), config=None):
        self.sandbox, self.kind, self.client = sandbox, kind, cli
        self.arguments, self.config = list(arguments), config
        self.root = sandbox.path(name)
        os.makedirs(self.root, exist_ok=True)
        self.socket = os.path.join(self.root, 's')
        self.host = 'unix://' + self.socket
        self.log = os.path.join(self.root, 'daemon.log')
        self.data = os.path.join(self.root, 'data')
        self.process = None
        self.environment = {k: v for k, v in os.environ.items()
                            if not k.startswith(('DOCKER_', 'BERTH_HOST', 'BERTH_CONTEXT'))}
        self.environment['DOCKER_CONFIG'] = os.path.join(self.root, 'config')

    @classmethod
    def second(cls, first, kind, cli, name):
        """Another daemon beside the first, that leaves the first one's docker0 alone.

        With --bridge none dockerd would delete docker0; so it gets a bridge made for it.
        """
        if kind == 'berth':
            return cls(first.sandbox, kind, cli, name=name, arguments=['--bridge', 'none'])
        subprocess.run(['ip', 'link', 'add', f'br-{name}', 'type', 'bridge'], check=False,
                       capture_output=True)
        return cls(first.sandbox, kind, cli, name=name,
                   arguments=['--bridge', f'br-{name}', '--iptables=false'])

    # the daemon

    def daemon(self):
        return os.path.join(PREFIX, 'bin', 'berthd') if self.kind == 'berth' else 'dockerd'

    def start(self, wait=True):
        argv = [self.daemon(), '--data-root', self.data,
                '--exec-root', os.path.join(self.root, 'x'), '-H', self.host,
                '--pidfile', os.path.join(self.root, 'pid'),
                '--cgroup-parent', '/' + self.sandbox.cgroup] + self.arguments
        path = os.path.join(self.root, 'daemon.json')
        if self.config is not None:
            with open(path, 'w', encoding='utf-8') as file:
                file.write(self.config if isinstance(self.config, str)
                           else json.dumps(self.config))
        if self.config is not None or self.kind == 'docker':
            argv += ['--config-file', path]
            if not os.path.exists(path):
                with open(path, 'w', encoding='utf-8') as file:
                    file.write('{}')
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment, start_new_session=True)
        return self.wait_ready() if wait else self

    def wait_ready(self):
        deadline = time.monotonic() + 30 * SLOWER
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f'{self.kind} daemon ended with {self.process.returncode}:\n'
                                     + self.log_tail())
            try:
                if self.api('GET', '/_ping').status == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.01)
        raise AssertionError('the daemon does not answer:\n' + self.log_tail())

    def log_tail(self, lines=25):
        with open(self.log, encoding='utf-8', errors='replace') as file:
            return ''.join(file.readlines()[-lines:])

    def stop(self, how=signal.SIGTERM, timeout=30):
        """Ends the daemon only; its exit code."""
        if not self.process:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(timeout * SLOWER)
        self.process = None
        return code

    def kill(self):
        self.stop(signal.SIGKILL)

    def restart(self, how=signal.SIGTERM):
        self.stop(how)
        return self.start()

    def clean(self):
        """Removes every container, then stops; the sandbox must be empty afterwards."""
        if self.process and self.process.poll() is None:
            ids = self.cli('ps', '-aq').out.split()
            if ids:
                self.cli('rm', '-f', '-v', *ids, timeout=60)
        self.stop()

    # its clients

    def argv(self, *args):
        program = os.path.join(PREFIX, 'bin', 'berth') if self.client == 'berth' else 'docker'
        return [program, '-H', self.host] + [str(a) for a in args]

    def cli(self, *args, input=None, timeout=30, env=None):
        """Runs one command of the client; never raises on its exit code."""
        data = input.encode() if isinstance(input, str) else input
        argv = self.argv(*args)
        environment = dict(self.environment, **(env or {}))
        try:
            done = subprocess.run(argv, input=data, stdin=None if data is not None
                                  else subprocess.DEVNULL, capture_output=True,
                                  timeout=timeout * SLOWER, env=environment, check=False)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f'{" ".join(argv)} took longer than {late.timeout:.0f} s; stdout '
                                 f'{late.stdout!r}, stderr {late.stderr!r}') from None
        return Result(argv, done.returncode, done.stdout.decode(errors='replace'),
                      done.stderr.decode(errors='replace'))

    def ok(self, *args, **kwargs):
        """The standard output of a command that must succeed."""
        result = self.cli(*args, **kwargs)
        assert result.code == 0, result
        return result.out.rstrip('\n')

    def popen(self, *args, **kwargs):
        kwargs = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE,
                  'stderr': subprocess.PIPE, **kwargs}
        return subprocess.Popen(self.argv(*args), env=self.environment, **kwargs)

    def inspect(self, name, template=None):
        if template:
            return self.ok('inspect', '-f', template, name)
        return json.loads(self.ok('inspect', name))[0]

    def api(self, method, path, body=None, headers=None, timeout=30):
        """One request; the answer has .status, .text and .json."""
        connection = UnixConnection(self.socket, timeout * SLOWER)
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault('Content-Type', 'application/json')
        try:
            try:
                connection.request(method, path, body, headers)
            except BrokenPipeError:      # it has answered before all was sent
                pass
            answer = connection.getresponse()
            answer.text = answer.read().decode(errors='replace')
        finally:
            connection.close()
        try:
            answer.json = json.loads(answer.text) if answer.text else None
        except ValueError:
            answer.json = None
        return answer

    def raw(self, timeout=10):
        """A connected socket, for what an HTTP library does not do."""
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout * SLOWER)
        sock.connect(self.socket)
        return sock


def usable(kind, cli):
    """Why this pair cannot be tested here, or None."""
    if kind == 'docker' and not shutil.which('dockerd'):
        return 'docker.io is not installed'
    if kind == 'berth' and not os.path.exists(os.path.join(PREFIX, 'bin', 'berthd')):
        return f'there is no berthd below {PREFIX}'
    if cli == 'berth' and not os.path.exists(os.path.join(PREFIX, 'bin', 'berth')):
        return f'there is no berth below {PREFIX}'
    if cli == 'docker' and not shutil.which('docker'):
        return 'no docker command is installed'
    return None


def wait_for(condition, seconds=10, every=0.02, what='condition'):
    """Polls until true; what it returned last."""
    deadline = time.monotonic() + seconds * SLOWER
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f'waited {seconds} s in vain for: {what}; last {value!r}')
        time.sleep(every)
