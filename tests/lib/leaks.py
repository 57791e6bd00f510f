# SPDX-License-Identifier: Apache-2.0
"""What the tests could leave behind on a machine: looked at before and after."""
import os
import subprocess

PROCESSES = ('berthd', 'berth', 'berth-shim', 'dockerd', 'containerd', 'containerd-shim',
             'conmon', 'qemu-system-x86', 'docker-proxy')
FOLDERS = ('/run/berth', '/var/lib/berth', '/run/docker', '/var/run/docker')
TEMPORARY = ('/tmp', '/var/tmp', '/run')
# Made by tools that the tests run, whatever the tests do.
IGNORED = ('/tmp/clang', '/tmp/pytest', '/run/lock', '/run/utmp', '/run/mount', '/run/blkid',
           '/run/systemd', '/run/xtables.lock', '/run/runc', '/run/libpod', '/run/crun',
           '/run/containers', '/run/netns')


def snapshot():
    """{kind: set of names}: everything here must be the same after the tests."""
    return {'mount': mounts(), 'network namespace': namespaces(), 'link': links(),
            'nft table': tables(), 'cgroup': cgroups(), 'process': processes(),
            'file': leftovers()}


def difference(before, after):
    lines = []
    for kind in before:
        lines += [f'{kind} left behind: {name}' for name in sorted(after[kind] - before[kind])]
        lines += [f'{kind} gone: {name}' for name in sorted(before[kind] - after[kind])
                  if kind in ('mount', 'link', 'nft table')]
    return lines


def mounts():
    with open('/proc/self/mountinfo', encoding='utf-8') as file:
        return {line.split()[4] + ' ' + line.split(' - ')[1].split()[0] for line in file}


def namespaces():
    """Names of network namespaces, and those that only a process keeps."""
    named = set(os.listdir('/run/netns')) if os.path.isdir('/run/netns') else set()
    held = set()
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            held.add(os.readlink(f'/proc/{pid}/ns/net'))
        except OSError:
            continue
    return named | held


def links():
    return set(os.listdir('/sys/class/net'))


def tables():
    try:
        done = subprocess.run(['nft', 'list', 'tables'], capture_output=True, text=True,
                              check=False)
    except FileNotFoundError:
        return set()
    return set(done.stdout.split('\n')) - {''}


def cgroups():
    found = set()
    for folder, subdirs, _files in os.walk('/sys/fs/cgroup'):
        found.update(os.path.join(folder, name) for name in subdirs)
    return found


def processes():
    found = set()
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/comm', encoding='utf-8') as file:
                name = file.read().strip()
            if name.startswith(PROCESSES):
                with open(f'/proc/{pid}/cmdline', encoding='utf-8') as file:
                    found.add(f'{pid} {file.read().replace(chr(0), " ")[:120]}')
        except OSError:
            continue
    return found


def leftovers():
    found = set()
    for folder in FOLDERS:
        for base, _subdirs, names in os.walk(folder):
            found.update(os.path.join(base, name) for name in names)
            found.add(base)
    for folder in TEMPORARY:
        if os.path.isdir(folder):
            found.update(os.path.join(folder, name) for name in os.listdir(folder))
    return {name for name in found if not name.startswith(IGNORED)}
