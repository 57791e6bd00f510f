# SPDX-License-Identifier: Apache-2.0
"""The engines that are measured: how each is started, driven and weighed."""
import json
import os
import shutil
import subprocess
import time

import engine

IMAGE = 'busybox:latest'
SERVICE = ['sleep', '100000']


class Client:
    """What a row calls: command lines, complete with program and global options."""

    def run(self, *options):
        return self.command('run', *options, IMAGE)

    def command(self, *args):
        return self.program + list(args)

    def remove(self, *ids):
        return self.command('rm', '-f', *ids)

    def environ(self):
        return self.environment


class Daemon(Client):
    """berthd or dockerd behind its own command line, or behind the stock docker one."""
    cli = None

    def __init__(self, place):
        self.engine = engine.Engine(place, self.name, self.cli or self.name, name=self.name[0])
        self.program = self.engine.argv()
        self.environment = self.engine.environment

    def start(self):
        self.engine.start()

    def load(self, path):
        return self.command('load', '-q', '-i', path)

    def stop(self):
        self.engine.clean()

    def stock(self):
        """The same daemon behind the stock docker command."""
        other = Client()
        other.name, other.environment = self.name, self.environment
        other.program = ['docker', '-H', self.engine.host]
        return other


class Berth(Daemon):
    name = 'berth'
    processes = ('berthd', 'berth-shim')


class Docker(Daemon):
    name = 'docker'
    processes = ('dockerd', 'containerd', 'containerd-shim', 'docker-proxy')


class Podman(Client):
    name = 'podman'
    processes = ('conmon', 'podman', 'aardvark-dns')

    def __init__(self, place):
        self.root = place.path('podman')
        self.place = place
        os.makedirs(self.root)
        policy = os.path.join(self.root, 'policy.json')
        with open(policy, 'w', encoding='utf-8') as file:
            json.dump({'default': [{'type': 'insecureAcceptAnything'}]}, file)
        config = os.path.join(self.root, 'containers.conf')
        with open(config, 'w', encoding='utf-8') as file:
            file.write(f'[network]\nnetwork_config_dir = "{self.root}/net"\n')
        self.environment = dict(os.environ, CONTAINERS_CONF=config, TMPDIR=self.root,
                                XDG_RUNTIME_DIR=self.root)
        self.program = ['podman', '--root', f'{self.root}/data', '--runroot', f'{self.root}/run',
                        '--tmpdir', f'{self.root}/tmp', '--cgroup-manager', 'cgroupfs',
                        '--events-backend', 'none', '--storage-driver', 'overlay']

    def start(self):
        subprocess.run(self.command('ps'), env=self.environment, check=True, capture_output=True)

    def run(self, *options):
        return self.command('run', '--cgroup-parent', '/' + self.place.cgroup, *options, IMAGE)

    def load(self, path):
        return self.command('load', '-q', '-i', path)

    def remove(self, *ids):
        return self.command('rm', '-f', '-t', '0', *ids)      # else it waits ten seconds for each

    def stop(self):
        subprocess.run(self.command('rm', '-af', '-t', '0'), env=self.environment, check=False,
                       capture_output=True)
        subprocess.run(['umount', '-l', f'{self.root}/data/overlay'], check=False,
                       capture_output=True)


class Runc(Client):
    """Bare runc on a bundle: no image, no network, no API. What a container costs at least."""
    name = 'runc'
    processes = ('runc',)

    def __init__(self, place):
        import images
        self.root = place.path('runc')
        self.environment = dict(os.environ)
        self.program = ['runc', '--root', f'{self.root}/state']
        os.makedirs(f'{self.root}/rootfs')
        subprocess.run(['tar', '-x', '-C', f'{self.root}/rootfs'], input=images.busybox_layer(),
                       check=True)
        self.count = 0
        for name, args in (('true', ['true']), ('service', SERVICE)):
            os.makedirs(f'{self.root}/{name}')
            subprocess.run(['runc', 'spec', '-b', f'{self.root}/{name}'], check=True)
            path = f'{self.root}/{name}/config.json'
            with open(path, encoding='utf-8') as file:
                spec = json.load(file)
            spec['process']['terminal'] = False
            spec['process']['args'] = args
            spec['root'] = {'path': f'{self.root}/rootfs', 'readonly': True}
            spec['linux']['cgroupsPath'] = f'/{place.cgroup}/{name}'
            with open(path, 'w', encoding='utf-8') as file:
                json.dump(spec, file)

    def start(self):
        pass

    def stop(self):
        subprocess.run(self.command('delete', '-f', 'exec'), check=False, capture_output=True)


KINDS = (Berth, Docker, Podman, Runc)


def unusable(kind):
    if kind is Berth:
        return engine.usable('berth', 'berth')
    if kind is Docker:
        return engine.usable('docker', 'docker')
    return None if shutil.which(kind.name) else f'{kind.name} is not installed'


def weigh(names):
    """Proportional set size, in bytes, of all processes of these names."""
    total = 0
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/comm', encoding='utf-8') as file:
                if not file.read().strip().startswith(names):
                    continue
            with open(f'/proc/{pid}/smaps_rollup', encoding='utf-8') as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith('Pss:'))
        except OSError:
            continue
    return total * 1024


class Failed(Exception):
    pass


NULL = os.open('/dev/null', os.O_RDWR | os.O_CLOEXEC)


def spawn(argv, environment, errors):
    return os.posix_spawnp(argv[0], argv, environment, file_actions=[
        (os.POSIX_SPAWN_DUP2, NULL, 0), (os.POSIX_SPAWN_DUP2, NULL, 1),
        (os.POSIX_SPAWN_DUP2, errors, 2)])


def timed(argv, environment, want=0):
    """Seconds from before the spawn until the end of the process is known."""
    errors = os.memfd_create('stderr', os.MFD_CLOEXEC)
    started = time.monotonic()
    pid = spawn(argv, environment, errors)
    _pid, status, _usage = os.wait4(pid, 0)
    taken = time.monotonic() - started
    text = os.pread(errors, 4096, 0).decode(errors='replace')
    os.close(errors)
    if want is not None and os.waitstatus_to_exitcode(status) != want:
        raise Failed(f'{" ".join(argv)}: {os.waitstatus_to_exitcode(status)}: {text.strip()}')
    return taken


def timed_parallel(commands, environment, width):
    """Seconds until all commands have ended, at most `width` at a time."""
    errors = os.memfd_create('stderr', os.MFD_CLOEXEC)
    waiting, running = list(commands), set()
    started = time.monotonic()
    bad = 0
    while waiting or running:
        while waiting and len(running) < width:
            running.add(spawn(waiting.pop(0), environment, errors))
        pid, status = os.waitpid(-1, 0)
        if pid in running:
            running.remove(pid)
            bad += status != 0
    taken = time.monotonic() - started
    text = os.pread(errors, 4096, 0).decode(errors='replace')
    os.close(errors)
    if bad:
        raise Failed(f'{bad} of the commands failed: {text.strip()}')
    return taken
