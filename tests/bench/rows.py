# SPDX-License-Identifier: Apache-2.0
"""What is measured, row by row, and the budget of each row."""
import os
import subprocess
import sys
import time

import images
import peers
from peers import SERVICE, timed, timed_parallel, weigh


class Row:
    """One line of the table: a function (bench, peer) -> a number, or None where it has no meaning.

    `budget` is the largest ratio to Docker; `limit` the largest value.
    """

    def __init__(self, key, title, unit, measure, budget=None, limit=None, stock=False, rounds=None):
        self.key, self.title, self.unit, self.measure = key, title, unit, measure
        self.budget, self.limit, self.stock, self.rounds = budget, limit, stock, rounds


def run_bridge(_bench, peer):
    if peer.name == 'runc':
        return None
    return timed(peer.run('--rm') + ['true'], peer.environ())


def run_none(_bench, peer):
    if peer.name == 'runc':
        peer.count += 1
        return timed(peer.command('run', '-b', f'{peer.root}/true', f'r{peer.count}'),
                     peer.environ())
    return timed(peer.run('--rm', '--network', 'none') + ['true'], peer.environ())


def exec_true(bench, peer):
    return timed(peer.command('exec', bench.service(peer), 'true'), peer.environ())


def list_all(_bench, peer):
    return timed(peer.command('list' if peer.name == 'runc' else 'ps'), peer.environ())


def many(bench, peer):
    """The containers stay until the memory row has weighed them."""
    if peer.name == 'runc':
        return None
    commands = [peer.run('-d') + SERVICE for _ in range(bench.crowd)]
    if peer.name not in bench.idle:
        bench.idle[peer.name] = weigh(peer.processes)
    taken = timed_parallel(commands, peer.environ(), 8)
    bench.weighed.setdefault(peer.name, []).append(
        (weigh(peer.processes) - bench.idle[peer.name]) / bench.crowd)
    bench.empty(peer)
    return taken


def idle(bench, peer):
    if peer.name not in ('berth', 'docker'):
        return None
    return weigh(peer.processes)


def crowd_memory(bench, peer):
    weights = bench.weighed.get(peer.name)
    return weights.pop(0) if weights else None


def load_big(bench, peer):
    if peer.name == 'runc':
        return None
    taken = timed(peer.load(bench.archive()), peer.environ())
    subprocess.run(peer.command('rmi', '-f', 'big:latest'), env=peer.environ(), check=True,
                   capture_output=True)
    os.sync()
    return taken


def publish(bench, peer):
    """How much longer a start takes with thousands of ports; Docker makes a process for each."""
    if peer.name != 'berth':
        return None
    first, last = 20000, 20000 + bench.ports - 1
    plain = timed(peer.run('-d') + SERVICE, peer.environ())
    before = len(os.listdir('/proc'))
    taken = timed(peer.run('-d', '-p', f'{first}-{last}:{first}-{last}') + SERVICE, peer.environ())
    bench.notes.append(f'{peer.name}: {bench.ports} ports made '
                       f'{max(0, len(os.listdir("/proc")) - before - 2)} processes '
                       'besides the container and its shim')
    bench.empty(peer)
    return taken - plain


ROWS = [
    Row('idle', 'daemon memory, idle (PSS)', 'MB', idle, limit=10e6, rounds=1),
    Row('run', '`run --rm IMAGE true`, bridge', 'ms', run_bridge, budget=1 / 30, stock=True),
    Row('none', '`run --rm --network none IMAGE true`', 'ms', run_none, budget=1 / 35, stock=True),
    Row('exec', '`exec true`', 'ms', exec_true, budget=1 / 20, stock=True),
    Row('ps', '`ps`', 'ms', list_all, budget=1 / 6, stock=True),
    Row('many', '50 x `run -d`, 8 at a time', 's', many, budget=1 / 20, rounds=3),
    Row('memory', 'memory per running container (PSS, of 50)', 'MB', crowd_memory, limit=0.4e6,
        rounds=3),
    Row('load', '`load` of 1.17 GB in 7 uncompressed layers', 's', load_big, budget=1 / 6, rounds=3),
    Row('ports', 'publish 10,000 ports: added to the start', 'ms', publish, limit=0.05, rounds=3),
]
SCALE = {'ms': 1e-3, 's': 1, 'MB': 1e6}


class Bench:
    def __init__(self, place, arguments):
        self.place, self.smoke = place, arguments.smoke
        self.rounds = 1 if self.smoke else arguments.rounds
        self.crowd = 3 if self.smoke else 50
        self.ports = 20 if self.smoke else 10000
        wanted = [k for k in arguments.only.split(',') if k]
        if 'memory' in wanted and 'many' not in wanted:
            wanted.append('many')
        self.rows = [r for r in ROWS if not wanted or r.key in wanted]
        self.engines, self.services, self.weighed, self.idle = [], {}, {}, {}
        self.notes, self.failures = [], []
        self.version = 0.0

    def add(self, peer):
        peer.start()
        if peer.name != 'runc':
            path = self.place.path('busybox.tar')
            if not os.path.exists(path):
                images.docker_archive(path, 'busybox:latest', [images.busybox_layer()])
            subprocess.run(peer.load(path), env=peer.environ(), check=True, capture_output=True)
        self.engines.append(peer)

    def service(self, peer):
        """A running container to execute in; made once, gone before the next row."""
        if peer.name not in self.services:
            if peer.name == 'runc':
                subprocess.run(peer.command('run', '-d', '-b', f'{peer.root}/service', 'exec'),
                               check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
                self.services[peer.name] = 'exec'
            else:
                subprocess.run(peer.run('-d', '--name', 'exec') + SERVICE, env=peer.environ(),
                               check=True, capture_output=True)
                self.services[peer.name] = 'exec'
        return self.services[peer.name]

    def empty(self, peer):
        ids = subprocess.run(peer.command('ps', '-aq'), env=peer.environ(), capture_output=True,
                             text=True, check=True).stdout.split()
        ids = [i for i in ids if i]
        if ids:
            subprocess.run(peer.remove(*ids), env=peer.environ(), check=False,
                           capture_output=True)
        self.services.pop(peer.name, None)

    def archive(self):
        if self.smoke:
            path = self.place.path('big.tar')
            size = 8
        else:
            cache = os.path.join(os.environ.get('XDG_CACHE_HOME', '/var/cache'), 'berth-tests')
            os.makedirs(cache, exist_ok=True)
            path, size = os.path.join(cache, 'big-7-1170.tar'), 1170
        if not os.path.exists(path):
            images.layered(path + '.part', 7, size)
            os.rename(path + '.part', path)
        with open(path, 'rb') as file:      # every engine finds it in the page cache
            while file.read(1 << 22):
                pass
        return path

    def measure(self):
        """{row key: {(engine, table): [values]}}"""
        results = {}
        for row in self.rows:
            results[row.key] = values = {}
            print(f'# {row.title}', file=sys.stderr, flush=True)
            rounds = min(self.rounds, row.rounds or self.rounds)
            columns = [(p, p.name, 'own') for p in self.engines]
            if row.stock:
                columns += [(p.stock(), p.name, 'stock') for p in self.engines
                            if p.name in ('berth', 'docker')]
            for number in range(rounds + (0 if self.smoke or row.rounds else 1)):
                for peer, name, kind in columns:
                    warm = number == 0 and not self.smoke and not row.rounds
                    self.one(row, peer, values.setdefault((name, kind), []), warm)
            if row.key == 'exec':
                for peer in self.engines:
                    if peer.name != 'runc':
                        self.empty(peer)
        results['version'] = {('docker', 'stock'): self.cli_floor()}
        return results

    def one(self, row, peer, values, warm):
        try:
            value = row.measure(self, peer)
        except (peers.Failed, subprocess.CalledProcessError) as error:
            text = getattr(error, 'stderr', None)
            self.failures.append(f'{row.key} by {peer.name}: {error} {text or ""}'.strip())
            return
        if value is not None and not warm:
            values.append(value)

    def cli_floor(self):
        """What the stock docker command costs before it does anything."""
        try:
            return [timed(['docker', '--version'], dict(os.environ))
                    for _ in range(self.rounds)]
        except OSError:
            return []

    def close(self):
        for peer in self.engines:
            try:
                peer.stop()
            except (OSError, AssertionError, subprocess.SubprocessError) as error:
                print(f'# {peer.name} does not stop: {error}', file=sys.stderr)
        time.sleep(0.2)
