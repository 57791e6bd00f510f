# SPDX-License-Identifier: Apache-2.0
"""A place for one test program: network, mount and process namespaces of its own, one folder.

Two programs can so run side by side, each with its own docker0 and nft table, and whatever a test
leaves behind dies with the namespaces. What is left is still looked for first: see Sandbox.leaks.
"""
import os
import shutil
import subprocess
import sys
import tempfile

MARK = 'BERTH_SANDBOX'
CONTROLLERS = '/sys/fs/cgroup'


def enter():
    """Runs this program again inside the namespaces; returns only there."""
    if os.environ.get(MARK):
        return
    if os.geteuid() != 0:
        print('1..0 # SKIP needs root: it makes namespaces')
        sys.exit(0)
    # The shell is process 1: it reaps what loses its parent, and with it everything ends.
    script = 'ip link set lo up; "$@" & wait $!'
    os.execvpe('unshare', ['unshare', '--net', '--mount', '--propagation', 'private', '--pid',
                           '--fork', '--kill-child', '--mount-proc', '--', '/bin/sh', '-c', script,
                           'sh', sys.executable] + sys.argv,
               dict(os.environ, **{MARK: '1', 'PYTHONDONTWRITEBYTECODE': '1'}))


class Sandbox:
    def __init__(self, name):
        self.root = tempfile.mkdtemp(prefix=f'berth-{name}.', dir='/tmp')
        os.chmod(self.root, 0o755)
        self.cgroup = os.path.basename(self.root).replace('.', '-')
        self.mounts = self.mount_points()

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    @staticmethod
    def mount_points():
        with open('/proc/self/mountinfo', encoding='utf-8') as file:
            return {line.split()[4] for line in file}

    def cgroups(self):
        """Cgroup directories below the parent that this sandbox's engines were given."""
        found = []
        for base, subdirs, _files in os.walk(CONTROLLERS):
            if f'/{self.cgroup}' in base:
                found.append(base)
        return [f for f in found if not f.endswith('/' + self.cgroup)]

    def processes(self):
        """Processes that an engine of this sandbox left: [(pid, command line)]."""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/cmdline', encoding='utf-8', errors='replace') as file:
                    line = file.read().replace('\0', ' ')
                with open(f'/proc/{pid}/comm', encoding='utf-8', errors='replace') as file:
                    name = file.read().strip()
            except OSError:
                continue
            if int(pid) not in (1, os.getpid()) and (self.root in line or name.startswith('berth')):
                found.append((int(pid), f'{name}: {line[:150]}'))
        return found

    def leaks(self):
        """Sentences on what engines that were stopped, their containers removed, left behind."""
        out = subprocess.run(['ip', '-o', 'link'], capture_output=True, text=True, check=False)
        lines = [f'link left behind: {x.split(":")[1].strip()}' for x in out.stdout.splitlines()
                 if 'veth' in x.split(':')[1]]
        lines += [f'mount left behind: {m}' for m in self.mount_points() - self.mounts
                  if not m.endswith('/netns/default')]       # dockerd keeps that one
        lines += [f'process left behind: {text}' for _pid, text in self.processes()]
        lines += [f'cgroup left behind: {c}' for c in self.cgroups()]
        return lines

    def close(self):
        for pid, _text in self.processes():
            try:
                os.kill(pid, 9)
            except OSError:
                pass
        for point in sorted(self.mount_points() - self.mounts, reverse=True):
            subprocess.run(['umount', '-l', point], check=False, capture_output=True)
        for base in sorted(self.cgroups(), reverse=True) + [
                os.path.join(CONTROLLERS, d, self.cgroup) for d in os.listdir(CONTROLLERS)]:
            try:
                os.rmdir(base)
            except OSError:
                pass
        shutil.rmtree(self.root, ignore_errors=True)
