#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`run -it debian:12 bash` on a root file system that mmdebstrap made: a real distribution."""
import fcntl
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap                            # noqa: E402
from terminal import Terminal         # noqa: E402

CACHE = os.path.join(os.environ.get('XDG_CACHE_HOME', '/var/cache'), 'berth-tests')
WHY = []


def rootfs():
    """The tar, made once; the machine's own apt configuration says where packages come from."""
    os.makedirs(CACHE, exist_ok=True)
    path, part = (os.path.join(CACHE, f'debian-12{x}.tar') for x in ('', '.part'))
    with open(os.path.join(CACHE, 'debian.lock'), 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            if not shutil.which('mmdebstrap'):
                return WHY.append('mmdebstrap is not installed')
            done = subprocess.run(
                ['mmdebstrap', '--variant=essential', '--include=procps',
                 '--dpkgopt=path-exclude=/usr/share/doc/*', '--dpkgopt=path-exclude=/usr/share/man/*',
                 '--dpkgopt=path-exclude=/usr/share/locale/*', '--mode=root', 'bookworm',
                 part], capture_output=True, text=True, check=False,
                stdin=subprocess.DEVNULL)
            if done.returncode != 0 or not os.path.exists(part):
                return WHY.append('no Debian can be made: ' + done.stderr.strip()[-200:])
            os.rename(part, path)
    return path


def setup(e):
    path = os.path.join(CACHE, 'debian-12.tar')
    if not os.path.exists(path):
        WHY.append('no Debian root file system could be made')
        return
    e.ok('import', '-c', 'CMD ["bash"]', path, 'debian:12', timeout=120)


def bash(e, *args, **kwargs):
    if WHY:
        tap.skip(WHY[0])
    return Terminal(e.argv('run', '--rm', '-it', *args),
                    env=dict(e.environment, TERM='xterm', PS1='$ '), **kwargs)


def test_interactive_bash(e):
    with bash(e, '-e', 'PS1=ready> ', 'debian:12', 'bash', '--norc', rows=40, columns=132) as tty:
        tty.expect('ready> ')
        tty.line('cat /etc/debian_version; id -un; stty size')
        tty.expect(r'12\.\d+\r\n')
        tty.expect('root')
        tty.expect('40 132')
        tty.expect('ready> ')
        tty.line('sleep 1000 & jobs; fg')
        tty.expect('Running')
        time.sleep(0.3)
        tty.send('\x1a')
        tty.expect('Stopped')
        tty.line('kill -9 %1; wait; jobs; echo settled')
        tty.expect('settled\r')
        tty.expect('ready> ')
        tty.line('sleep 1000; echo code=$?')
        time.sleep(0.3)
        tty.send('\x03')
        tty.expect('ready> ')
        tty.resize(25, 99)
        time.sleep(0.3)
        tty.line('stty size')
        tty.expect('25 99')
        tty.line('exit 33')
        assert tty.end() == 33


def test_the_image_s_own_command(e):
    with bash(e, 'debian:12') as tty:
        tty.expect('# ')
        tty.line('exit 7')
        assert tty.end() == 7


def test_programs_of_the_distribution_work(e):
    if WHY:
        tap.skip(WHY[0])
    out = e.ok('run', '--rm', 'debian:12', 'sh', '-c',
               'dpkg -l bash | tail -1 | cut -c1-2; ps -e -o comm= | head -1; '
               'echo tester:x:1500:1500::/tmp:/bin/sh >> /etc/passwd; setpriv --reuid tester '
               '--regid 1500 --clear-groups sh -c "id -un; echo ok > /tmp/f; cat /tmp/f; ls /root '
               '2>&1; true"', timeout=60)
    lines = out.split('\n')
    assert lines[:4] == ['ii', 'sh', 'tester', 'ok'] and 'denied' in lines[4], out


def test_apt_can_work_on_its_database(e):
    if WHY:
        tap.skip(WHY[0])
    out = e.ok('run', '--rm', 'debian:12', 'sh', '-c',
               'dpkg --configure -a && dpkg --audit && dpkg -P procps >/dev/null 2>&1; '
               'dpkg -s procps >/dev/null 2>&1 || echo purged', timeout=60)
    assert out == 'purged', out


def test_rmi_frees_it(e):
    if WHY:
        tap.skip(WHY[0])
    e.ok('rmi', 'debian:12', timeout=60)


if __name__ == '__main__':
    if not os.environ.get('BERTH_SANDBOX'):      # inside, the network reaches no mirror
        rootfs()
    tap.main(limit=150)
