#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Streams: stdin that ends, stdout beside stderr, attach, logs, terminals, detaching, resizing."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap                            # noqa: E402
from engine import wait_for           # noqa: E402
from terminal import Terminal         # noqa: E402

setup = tap.load_busybox


def terminal(e, *args, **kwargs):
    return Terminal(e.argv(*args), env=dict(e.environment, TERM='xterm'), **kwargs)


def test_half_closed_stdin(e):
    assert e.ok('run', '--rm', '-i', 'busybox', 'cat', input='x\n') == 'x'
    assert e.ok('run', '--rm', '-i', 'busybox', 'sh', '-c', 'cat; echo after', input='in\n') == \
        'in\nafter'
    assert e.ok('run', '--rm', '-i', 'busybox', 'wc', '-c', input='') == '0'


def test_much_data_both_ways(e):
    data = os.urandom(1 << 20) * 8
    done = subprocess.run(e.argv('run', '--rm', '-i', 'busybox', 'cat'), input=data,
                          capture_output=True, env=e.environment, timeout=60, check=False)
    assert done.returncode == 0 and done.stdout == data, (done.returncode, len(done.stdout),
                                                         done.stderr)


def test_without_i_stdin_is_empty(e):
    assert e.ok('run', '--rm', 'busybox', 'cat', input='not read') == ''


def test_last_words_of_a_short_command_are_never_lost(e):
    for number in range(15):
        out = e.ok('run', '--rm', 'busybox', 'sh', '-c', f'seq 500; echo last {number}')
        assert out.endswith(f'500\nlast {number}') and out.startswith('1\n2\n'), out[-100:]


def test_big_output_is_whole(e):
    out = e.ok('run', '--rm', 'busybox', 'seq', '200000', timeout=60)
    assert len(out.split('\n')) == 200000


def test_logs_options(e):
    e.ok('run', '--name', 'lines', 'busybox', 'sh', '-c', 'for i in 1 2 3 4 5; do echo $i; done')
    assert e.ok('logs', '--tail', '2', 'lines') == '4\n5'
    stamped = e.ok('logs', '-t', '--tail', '1', 'lines')
    assert stamped[:2] == '20' and stamped.endswith('Z 5'), stamped
    assert e.ok('logs', '--since', '2099-01-01T00:00:00Z', 'lines') == ''
    assert e.ok('logs', '--until', '2001-01-01T00:00:00Z', 'lines') == ''
    assert e.ok('logs', '--since', '1h', 'lines').split() == list('12345')
    e.ok('rm', 'lines')


def test_logs_follow_until_the_end(e):
    e.ok('run', '-d', '--name', 'talk', 'busybox', 'sh', '-c',
         'for i in 1 2 3 4; do echo $i; sleep 0.2; done')
    assert e.ok('logs', '-f', 'talk') == '1\n2\n3\n4'
    e.ok('rm', 'talk')


def test_a_line_without_an_end_and_a_long_line(e):
    e.ok('run', '--name', 'long', 'busybox', 'sh', '-c',
         'head -c 100000 /dev/zero | tr "\\0" x; echo; printf end')
    out = e.ok('logs', 'long')
    assert out == 'x' * 100000 + '\nend', len(out)
    e.ok('rm', 'long')


def test_attach_sees_output_and_passes_the_code(e):
    e.ok('run', '-d', '-i', '--name', 'att', 'busybox', 'sh', '-c', 'read a; echo got $a; exit 4')
    # Its input stays open: at the end of input Docker detaches, unless stdin is opened only once.
    client = e.popen('attach', 'att', stdin=subprocess.PIPE)
    client.stdin.write(b'word\n')
    client.stdin.flush()
    assert client.stdout.readline() == b'got word\n'
    assert client.wait(20) == 4
    client.communicate()
    e.ok('rm', 'att')


def test_two_clients_see_the_same(e):
    e.ok('run', '-d', '-i', '--name', 'twice', 'busybox', 'sh', '-c', 'read a; echo said; sleep 0.3')
    clients = [e.popen('attach', '--no-stdin', 'twice') for _ in range(2)]
    time.sleep(0.5)
    clients.append(e.popen('attach', 'twice', stdin=subprocess.PIPE))
    clients[2].stdin.write(b'\n')
    clients[2].stdin.flush()
    for client in clients:
        assert client.stdout.readline() == b'said\n'
        client.wait(20)
        client.communicate()
    e.ok('rm', '-f', 'twice')


def test_sigint_is_proxied(e):
    running = e.popen('run', '--rm', '--name', 'sig', 'busybox', 'sh', '-c',
                      'trap "echo caught; exit 11" INT; echo ready; while :; do sleep 0.1; done')
    assert running.stdout.readline() == b'ready\n'
    running.send_signal(signal.SIGINT)
    out, _err = running.communicate(timeout=20)
    assert running.returncode == 11 and b'caught' in out, (running.returncode, out)


def test_terminal_shell(e):
    with terminal(e, 'run', '--rm', '-it', 'busybox', 'sh') as tty:
        tty.expect('# ')
        tty.line('echo $((40 + 2)); tty')
        tty.expect('42')
        tty.expect('/dev/(pts/0|console)')
        tty.line('exit 6')
        assert tty.end() == 6


def test_terminal_size_and_resize(e):
    with terminal(e, 'run', '--rm', '-it', 'busybox', 'sh', rows=33, columns=101) as tty:
        tty.expect('# ')
        wait_size(tty, '33 101')
        tty.resize(44, 99)
        wait_size(tty, '44 99')
        tty.line('exit')
        assert tty.end() == 0


def wait_size(tty, want):
    for _ in range(30):
        tty.line('stty size')
        _before, match = tty.expect(r'(\d+ \d+)\r')
        if match.group(1) == want:
            tty.expect('# ')
            return
        time.sleep(0.1)
    raise AssertionError(f'the size is {match.group(1)}, not {want}')


def test_terminal_job_control_and_interrupt(e):
    with terminal(e, 'run', '--rm', '-it', 'busybox', 'sh') as tty:
        tty.expect('# ')
        tty.line('sleep 1000')
        time.sleep(0.3)
        tty.send('\x1a')
        tty.expect('Stopped')
        tty.line('kill -9 %1; wait; echo reaped')
        tty.expect('reaped\r')
        tty.expect('# ')
        tty.line('sleep 1000; echo code $?')
        time.sleep(0.3)
        tty.send('\x03')
        tty.expect('# ')
        tty.line('exit 0')
        assert tty.end() == 0


def test_terminal_detach_keys_and_attach_again(e):
    with terminal(e, 'run', '-it', '--name', 'keys', 'busybox', 'sh') as tty:
        tty.expect('# ')
        tty.line('KEPT=yes')
        tty.expect('# ')
        tty.send('\x10\x11')                      # ctrl-p ctrl-q
        tty.end()
    assert e.inspect('keys', '{{.State.Running}}') == 'true'
    with terminal(e, 'attach', '--detach-keys', 'ctrl-x,x', 'keys') as tty:
        time.sleep(0.3)
        tty.line('echo it is $KEPT')
        tty.expect('it is yes')
        tty.send('\x18x')
        tty.end()
    assert e.inspect('keys', '{{.State.Running}}') == 'true'
    e.ok('rm', '-f', 'keys')


def test_terminal_settings_are_restored(e):
    with terminal(e, 'run', '--rm', '-it', 'busybox', 'sh', '-c', 'echo ready; sleep 0.5') as tty:
        before = tty.settings()
        tty.expect('ready')
        assert tty.end() == 0
        assert tty.settings()[:4] == before[:4]


def test_terminal_exec(e):
    e.ok('run', '-d', '--name', 'base', 'busybox', 'sleep', '1000')
    with terminal(e, 'exec', '-it', 'base', 'sh', rows=30, columns=90) as tty:
        tty.expect('# ')
        wait_size(tty, '30 90')
        tty.resize(31, 91)
        wait_size(tty, '31 91')
        tty.line('exit 12')
        assert tty.end() == 12
    with terminal(e, 'exec', '-it', 'base', 'sh') as tty:
        tty.expect('# ')
        tty.send('\x10\x11')
        tty.end()
    assert e.inspect('base', '{{.State.Running}}') == 'true'
    e.ok('rm', '-f', 'base')


def test_start_ai_with_a_terminal(e):
    e.ok('create', '-it', '--name', 'later', 'busybox', 'sh')
    with terminal(e, 'start', '-ai', 'later') as tty:
        tty.expect('# ')
        tty.line('exit 13')
        assert tty.end() == 13
    e.ok('rm', 'later')


def test_a_terminal_is_demanded_of_the_input(e):
    result = e.cli('run', '--rm', '-it', 'busybox', 'true', input='')
    assert result.code == 1 and 'not a TTY' in result.err, result


def test_output_on_a_terminal_has_carriage_returns(e):
    out = subprocess.run(e.argv('run', '--rm', '-t', 'busybox', 'echo', 'x'), capture_output=True,
                         env=e.environment, stdin=subprocess.DEVNULL, check=True).stdout
    assert out == b'x\r\n', out


def test_a_client_that_does_not_read_stops_nobody(e):
    e.ok('run', '-d', '--name', 'flood', 'busybox', 'sh', '-c',
         'sleep 0.5; head -c 20000000 /dev/zero | tr "\\0" "x"; echo; echo done > /tmp/done; sleep 99')
    stuck = e.popen('attach', '--no-stdin', 'flood')
    stuck.send_signal(signal.SIGSTOP)
    try:
        if e.kind == 'berth':     # Docker lets one slow client stop the container
            wait_for(lambda: e.cli('exec', 'flood', 'test', '-e', '/tmp/done').code == 0, 20,
                     what='the container to finish writing')
        assert e.cli('ps').code == 0
    finally:
        stuck.kill()
        stuck.communicate()
    e.ok('rm', '-f', 'flood')


if __name__ == '__main__':
    tap.main()
