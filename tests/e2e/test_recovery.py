#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The daemon dies at any moment; containers, their logs and their exit codes live on."""
import json
import os
import re
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap                            # noqa: E402
from engine import wait_for           # noqa: E402
from terminal import Terminal         # noqa: E402


def setup(e):
    if e.kind == 'docker':
        print('# Docker runs these with live-restore')
    tap.load_busybox(e)


def test_containers_survive_a_killed_daemon(e):
    e.ok('run', '-d', '--name', 'kept', 'busybox', 'sleep', '1000')
    pid = e.inspect('kept', '{{.State.Pid}}')
    e.kill()
    assert os.path.exists(f'/proc/{pid}')
    e.start()
    assert e.inspect('kept', '{{.State.Status}} {{.State.Pid}}') == f'running {pid}'
    assert e.ok('exec', 'kept', 'echo', 'still') == 'still'
    e.ok('stop', '-t', '0', 'kept')
    assert e.inspect('kept', '{{.State.ExitCode}}') == '137'
    e.ok('rm', 'kept')


def test_containers_survive_an_orderly_stop(e):
    e.ok('run', '-d', '--name', 'kept', 'busybox', 'sleep', '1000')
    pid = e.inspect('kept', '{{.State.Pid}}')
    assert e.stop() == 0
    assert os.path.exists(f'/proc/{pid}')
    e.start()
    assert e.inspect('kept', '{{.State.Pid}}') == pid
    e.ok('rm', '-f', 'kept')


def test_an_exit_while_no_daemon_runs_is_known_afterwards(e):
    codes = {'zero': 0, 'three': 3, 'big': 200}
    for name, code in codes.items():
        e.ok('run', '-d', '--name', name, 'busybox', 'sh', '-c',
             f'while [ ! -e /go ]; do sleep 0.05; done; echo bye; exit {code}')
    roots = {n: f'/proc/{e.inspect(n, "{{.State.Pid}}")}' for n in codes}
    e.kill()
    before = time.time()
    for root in roots.values():
        with open(f'{root}/root/go', 'w', encoding='ascii'):
            pass
    wait_for(lambda: not any(os.path.exists(f'{r}/root/go') for r in roots.values()),
             what='the containers to end')
    time.sleep(0.3)
    after = time.time()
    time.sleep(1)
    e.start()
    for name, code in codes.items():
        state = e.inspect(name)['State']
        assert (state['Status'], state['ExitCode']) == ('exited', code), (name, state)
        finished = parse_time(state['FinishedAt'])
        assert before - 1 <= finished <= after + 0.5, (state, before, after)
        if e.kind == 'berth':      # Docker loses what is written while it is dead
            assert e.ok('logs', name) == 'bye'
        assert e.ok('wait', name) == str(code)
    e.ok('rm', *codes)


def parse_time(text):
    match = re.match(r'(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)(\.\d+)?Z', text)
    import calendar
    whole = calendar.timegm(tuple(int(x) for x in match.groups()[:6]) + (0, 0, 0))
    return whole + float(match.group(7) or 0)


def test_no_log_line_is_lost_over_kills(e):
    total = 4000
    e.ok('run', '-d', '--name', 'writer', 'busybox', 'sh', '-c',
         f'i=0; while [ $i -lt {total} ]; do i=$((i+1)); echo line $i; '
         'if [ $((i % 200)) = 0 ]; then sleep 0.1; fi; done')
    for _ in range(4):
        time.sleep(0.25)
        e.kill()
        time.sleep(0.1)
        e.start()
    assert e.ok('wait', 'writer', timeout=60) == '0'
    lines = e.ok('logs', 'writer').split('\n')
    assert lines == [f'line {i}' for i in range(1, total + 1)], (len(lines), lines[:2], lines[-2:])
    e.ok('rm', 'writer')


def test_stdin_and_terminal_after_a_restart(e):
    e.ok('run', '-dit', '--name', 'term', 'busybox', 'sh')
    e.kill()
    e.start()
    with Terminal(e.argv('attach', 'term'), env=dict(e.environment, TERM='xterm')) as tty:
        time.sleep(0.2)
        tty.line('echo $((6 * 7))')
        tty.expect('42')
        tty.resize(50, 120)
        time.sleep(0.3)
        tty.line('stty size')
        tty.expect('50 120')
        tty.line('exit 21')
        assert tty.end() == 21
    e.ok('rm', 'term')


def test_an_attached_client_sees_output_while_no_daemon_runs(e):
    if e.kind == 'docker':
        tap.skip('with Docker the daemon is in the data path')
    e.ok('run', '-d', '--name', 'stream', 'busybox', 'sh', '-c',
         'i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo tick $i; sleep 0.05; done')
    client = e.popen('attach', '--no-stdin', 'stream')
    time.sleep(0.3)
    e.kill()
    out, _err = client.communicate(timeout=20)
    assert b'tick 30' in out, out[-200:]
    e.start()
    e.ok('rm', '-f', 'stream')


def test_exec_sessions_end_properly_after_a_restart(e):
    e.ok('run', '-d', '--name', 'box', 'busybox', 'sleep', '1000')
    e.ok('exec', '-d', 'box', 'sh', '-c', 'sleep 1; touch /tmp/finished')
    e.kill()
    e.start()
    wait_for(lambda: e.cli('exec', 'box', 'test', '-e', '/tmp/finished').code == 0,
             what='the exec to finish')
    e.ok('rm', '-f', 'box')


def test_a_killed_shim_takes_its_container_with_it(e):
    if e.kind == 'docker':
        tap.skip('about berth-shim')
    e.ok('run', '-d', '--name', 'orphan', 'busybox', 'sleep', '1000')
    pid = int(e.inspect('orphan', '{{.State.Pid}}'))
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        parent = int(re.search(r'PPid:\s+(\d+)', file.read()).group(1))
    with open(f'/proc/{parent}/comm', encoding='utf-8') as file:
        assert file.read().strip() == 'berth-shim'
    os.kill(parent, signal.SIGKILL)
    wait_for(lambda: not os.path.exists(f'/proc/{pid}'), what='the container to die')
    wait_for(lambda: e.inspect('orphan', '{{.State.Status}} {{.State.ExitCode}}') == 'exited 137',
             what='code 137')
    e.ok('start', 'orphan')
    e.ok('rm', '-f', 'orphan')


def test_a_killed_shim_while_no_daemon_runs(e):
    if e.kind == 'docker':
        tap.skip('about berth-shim')
    e.ok('run', '-d', '--name', 'orphan', 'busybox', 'sleep', '1000')
    pid = int(e.inspect('orphan', '{{.State.Pid}}'))
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        parent = int(re.search(r'PPid:\s+(\d+)', file.read()).group(1))
    e.kill()
    os.kill(parent, signal.SIGKILL)
    wait_for(lambda: not os.path.exists(f'/proc/{pid}'), what='the container to die')
    e.start()
    assert e.inspect('orphan', '{{.State.Status}} {{.State.ExitCode}}') == 'exited 137'
    e.ok('rm', 'orphan')


def test_removal_and_rm_flag_across_a_restart(e):
    e.ok('run', '-d', '--rm', '--name', 'gone', 'busybox', 'sh', '-c',
         'while [ ! -e /go ]; do sleep 0.05; done')
    pid = e.inspect('gone', '{{.State.Pid}}')
    e.kill()
    with open(f'/proc/{pid}/root/go', 'w', encoding='ascii'):
        pass
    wait_for(lambda: not os.path.exists(f'/proc/{pid}/root/go'), what='the end')
    e.start()
    wait_for(lambda: e.ok('ps', '-aq') == '', what='the container that was --rm to be removed')


def test_a_restart_policy_resumes(e):
    e.ok('run', '-d', '--restart', 'always', '--name', 'again', 'busybox', 'sh', '-c',
         'echo up; while [ ! -e /tmp/go ]; do sleep 0.05; done; rm /tmp/go')
    pid = e.inspect('again', '{{.State.Pid}}')
    e.kill()
    with open(f'/proc/{pid}/root/tmp/go', 'w', encoding='ascii'):
        pass
    wait_for(lambda: not os.path.exists(f'/proc/{pid}/root/bin'), what='the end')
    e.start()
    wait_for(lambda: e.inspect('again', '{{.State.Running}} {{.State.Pid}}') not in
             (f'true {pid}', 'false 0'), what='a new process')
    e.ok('rm', '-f', 'again')


def test_unless_stopped_stays_stopped(e):
    e.ok('run', '-d', '--restart', 'unless-stopped', '--name', 'off', 'busybox', 'sleep', '1000')
    e.ok('stop', '-t', '0', 'off')
    e.restart()
    time.sleep(0.3)
    assert e.inspect('off', '{{.State.Running}}') == 'false'
    e.ok('rm', 'off')


def test_kill_in_the_middle_of_starts(e):
    """The daemon dies while containers start, several times: all is told right afterwards."""
    if e.kind == 'docker':
        tap.skip('Docker leaves half-started tasks behind')
    for turn in range(4):
        starters = [threading.Thread(target=e.cli, args=(
            'run', '-d', '--name', f's{turn}-{i}', 'busybox', 'sleep', '1000'))
            for i in range(6)]
        for thread in starters:
            thread.start()
        time.sleep(0.01 + 0.03 * turn)
        e.kill()
        for thread in starters:
            thread.join()
        e.start()
    rows = [json.loads(x) for x in e.ok('ps', '-a', '--format', '{{json .}}').split('\n') if x]
    for row in rows:
        state = e.inspect(row['ID'])['State']
        alive = state['Pid'] > 0 and os.path.exists(f'/proc/{state["Pid"]}')
        assert state['Running'] == alive, (row, state)
        result = e.cli('start', row['ID'])
        assert result.code == 0, result
        assert e.ok('exec', row['ID'], 'echo', 'x') == 'x'
    if rows:
        e.ok('rm', '-f', *[row['ID'] for row in rows])
    e.ok('run', '--rm', 'busybox', 'true')


def test_kill_in_the_middle_of_a_load(e):
    import images
    path = e.sandbox.path('many.tar')
    layers = [images.busybox_layer()] + [
        images.Layer().add(f'f{i}', os.urandom(3 << 20)).bytes() for i in range(8)]
    images.docker_archive(path, 'many:1', layers)
    for turn in range(4):
        loader = e.popen('load', '-i', path)
        time.sleep(0.02 + 0.04 * turn)
        e.kill()
        loader.communicate()
        e.start()
        if e.cli('image', 'inspect', 'many:1').code != 0:
            e.ok('load', '-i', path)
        assert e.ok('run', '--rm', 'many:1', 'sh', '-c', 'ls /f* | wc -l') == '8'
        e.ok('rmi', 'many:1')
    if e.kind == 'berth':
        wait_for(lambda: disk_use(e.data) < 8 << 20, what='the half-done layers to be collected')


def disk_use(folder):
    total = 0
    for base, _subdirs, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(base, name)).st_blocks * 512
            except OSError:
                pass
    return total


def test_two_daemons_side_by_side(e):
    import engine
    other = engine.Engine.second(e, e.kind, e.client, 'o')
    other.start()
    tap.load_busybox(other)
    name = other.ok('run', '-d', '--network', 'none', 'busybox', 'sleep', '1000')
    assert e.ok('ps', '-aq') == '' and other.ok('ps', '-q') == name[:12]
    other.clean()


def test_a_second_daemon_on_the_same_state_is_refused(e):
    import engine
    twin = engine.Engine(e.sandbox, e.kind, e.client, name=os.path.basename(e.root))
    twin.log = e.sandbox.path('twin.log')
    twin.start(wait=False)
    assert twin.process.wait(20) != 0
    assert re.search('already (runs|in use|running)|pid file', twin.log_tail(), re.I), twin.log_tail()
    assert e.cli('ps').code == 0


if __name__ == '__main__':
    DOCKER = re.search('--engine[= ]docker', ' '.join(sys.argv))
    tap.main(**({'config': {'live-restore': True}} if DOCKER else {}))
