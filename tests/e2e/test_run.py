#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The life of a container on the command line: run, ps, logs, exec, stop, wait, rm, and codes."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap                            # noqa: E402
from engine import wait_for           # noqa: E402

setup = tap.load_busybox


def test_run_prints_what_the_command_prints(e):
    result = e.cli('run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2')
    assert (result.code, result.out, result.err) == (0, 'out\n', 'err\n'), result


def test_run_gives_the_exit_code(e):
    assert e.cli('run', '--rm', 'busybox', 'sh', '-c', 'exit 7').code == 7
    assert e.cli('run', '--rm', 'busybox', 'sh', '-c', 'exit 255').code == 255


def test_run_default_command_is_the_image_s(e):
    assert e.ok('run', '--rm', '-i', 'busybox', input='echo from stdin\n') == 'from stdin'


def test_a_command_that_does_not_exist_is_127(e):
    result = e.cli('run', '--rm', 'busybox', 'no-such-command')
    assert result.code == 127 and 'no-such-command' in result.err, result
    result = e.cli('run', '--rm', 'busybox', '/no/such/file')
    assert result.code == 127, result


def test_a_command_that_is_not_executable_is_126(e):
    result = e.cli('run', '--rm', 'busybox', '/etc/not-executable')
    assert result.code == 126 and 'ermission denied' in result.err, result
    assert e.cli('run', '--rm', 'busybox', '/etc').code == 126


def test_an_unknown_image_is_125_and_named(e):
    result = e.cli('run', '--rm', '--pull', 'never', 'nothing-of-that-name', 'true')
    assert result.code == 125, result
    assert 'nothing-of-that-name' in result.err, result


def test_failed_starts_leave_no_container(e):
    assert e.ok('ps', '-aq') == ''


def test_a_wrong_flag_is_125_or_1(e):
    assert e.cli('run', '--no-such-flag', 'busybox').code == 125
    assert e.cli('ps', '--no-such-flag').code != 0


def test_detached_run_ps_logs_inspect_rm(e):
    identity = e.ok('run', '-d', '--name', 'one', 'busybox', 'sh', '-c',
                    'echo first; echo second >&2; sleep 1000')
    assert re.fullmatch('[0-9a-f]{64}', identity), identity
    row = json.loads(e.ok('ps', '--no-trunc', '--format', '{{json .}}'))
    assert row['ID'] == identity and row['Names'] == 'one' and row['Image'] == 'busybox', row
    assert row['Status'].startswith('Up '), row
    wait_for(lambda: 'second' in e.cli('logs', 'one').err, what='the log lines')
    logs = e.cli('logs', 'one')
    assert (logs.out, logs.err) == ('first\n', 'second\n'), logs
    state = e.inspect('one')['State']
    assert state['Running'] and state['Status'] == 'running' and state['Pid'] > 0, state
    assert e.cli('rm', 'one').code != 0
    assert e.ok('rm', '-f', 'one') == 'one'
    assert e.cli('inspect', 'one').code != 0


def test_names_are_unique_and_checked(e):
    e.ok('create', '--name', 'taken', 'busybox')
    result = e.cli('create', '--name', 'taken', 'busybox')
    assert result.code != 0 and 'already in use' in result.err, result
    result = e.cli('create', '--name', 'a b/c', 'busybox')
    assert result.code != 0 and 'Invalid container name' in result.err, result
    result = e.cli('create', '--name', '', 'busybox', 'true')
    assert result.code == 0, result
    e.ok('rm', result.out.strip(), 'taken')


def test_create_rename_start_wait(e):
    e.ok('create', '--name', 'before', 'busybox', 'sh', '-c', 'echo started; exit 3')
    e.ok('rename', 'before', 'after')
    assert e.inspect('after', '{{.Name}} {{.State.Status}}') == '/after created'
    assert e.ok('start', 'after') == 'after'
    assert e.ok('wait', 'after') == '3'
    assert e.inspect('after', '{{.State.Status}} {{.State.ExitCode}}') == 'exited 3'
    assert e.ok('logs', 'after') == 'started'
    row = e.ok('ps', '-a', '--filter', 'name=after', '--format', '{{.Status}}')
    assert row.startswith('Exited (3)'), row
    e.ok('rm', 'after')


def test_start_attached_gives_output_and_code(e):
    e.ok('create', '--name', 'attached', '-i', 'busybox', 'sh', '-c', 'cat; exit 5')
    result = e.cli('start', '-ai', 'attached', input='through\n')
    assert (result.code, result.out) == (5, 'through\n'), result
    e.ok('rm', 'attached')


def test_stop_asks_then_kills(e):
    e.ok('run', '-d', '--name', 'polite', 'busybox', 'sh', '-c',
         'trap "echo asked; exit 9" TERM; echo ready; while :; do sleep 0.1; done')
    wait_for(lambda: 'ready' in e.ok('logs', 'polite'), what='the trap')
    e.ok('stop', 'polite')
    assert e.inspect('polite', '{{.State.ExitCode}}') == '9'
    assert 'asked' in e.ok('logs', 'polite')
    e.ok('run', '-d', '--name', 'stubborn', 'busybox', 'sh', '-c', 'trap "" TERM; sleep 1000')
    e.ok('stop', '-t', '0', 'stubborn')
    assert e.inspect('stubborn', '{{.State.ExitCode}}') == '137'
    e.ok('rm', 'polite', 'stubborn')


def test_kill_with_a_signal_and_restart(e):
    e.ok('run', '-d', '--name', 'victim', 'busybox', 'sleep', '1000')
    pid = e.inspect('victim', '{{.State.Pid}}')
    e.ok('restart', '-t', '0', 'victim')
    assert e.inspect('victim', '{{.State.Running}}') == 'true'
    assert e.inspect('victim', '{{.State.Pid}}') != pid
    e.ok('kill', '-s', 'KILL', 'victim')
    wait_for(lambda: e.inspect('victim', '{{.State.ExitCode}}') == '137', what='code 137')
    assert e.cli('kill', 'victim').code != 0
    e.ok('rm', 'victim')


def test_exec(e):
    e.ok('run', '-d', '--name', 'host', '-e', 'COLOUR=blue', '-w', '/tmp', 'busybox', 'sleep',
         '1000')
    assert e.ok('exec', 'host', 'sh', '-c', 'echo $COLOUR; pwd') == 'blue\n/tmp'
    assert e.ok('exec', '-e', 'COLOUR=red', '-w', '/etc', '-u', 'app', 'host', 'sh', '-c',
                'echo $COLOUR; pwd; id -un') == 'red\n/etc\napp'
    assert e.cli('exec', 'host', 'sh', '-c', 'exit 42').code == 42
    code = e.cli('exec', 'host', 'no-such-command').code
    assert code == 127 or (e.kind == 'docker' and code == 126), code    # 126 before Docker 23
    assert e.cli('exec', 'host', '/etc/not-executable').code == 126
    assert e.ok('exec', '-i', 'host', 'cat', input='piped') == 'piped'
    e.ok('exec', '-d', 'host', 'touch', '/tmp/detached')
    wait_for(lambda: e.cli('exec', 'host', 'test', '-e', '/tmp/detached').code == 0,
             what='the detached exec')
    result = e.cli('exec', 'host', 'sh', '-c', 'echo o; echo e >&2')
    assert (result.out, result.err) == ('o\n', 'e\n'), result
    e.ok('rm', '-f', 'host')
    assert e.cli('exec', 'host', 'true').code != 0


def test_settings_reach_the_process(e):
    out = e.ok('run', '--rm', '-e', 'A=1', '--env', 'B=two words', '-w', '/var', '--hostname',
               'named', '--user', 'app', 'busybox', 'sh', '-c',
               'echo $A; echo $B; pwd; hostname; id -u; id -g; id -G')
    assert out.split('\n') == ['1', 'two words', '/var', 'named', '1000', '1001', '1001 1002'], out
    assert e.ok('run', '--rm', '--user', '1234:4321', 'busybox', 'id', '-u') == '1234'
    assert e.ok('run', '--rm', '--entrypoint', '/bin/echo', 'busybox', 'an', 'argument') == \
        'an argument'
    result = e.cli('run', '--rm', '--user', 'nobody-of-this-name', 'busybox', 'true')
    assert result.code in (125, 126) and 'nobody-of-this-name' in result.err, result
    out = e.ok('run', '--rm', 'busybox', 'env')
    assert 'HOME=/root' in out and 'HOSTNAME=' in out and 'PATH=' in out, out


def test_environment_file_and_labels(e):
    path = e.sandbox.path('env')
    with open(path, 'w', encoding='utf-8') as file:
        file.write('# comment\nFROM_FILE=yes\n')
    identity = e.ok('create', '--env-file', path, '-l', 'key=value', 'busybox', 'env')
    assert 'FROM_FILE=yes' in e.ok('start', '-a', identity)
    assert e.inspect(identity, '{{index .Config.Labels "key"}}') == 'value'
    assert identity.startswith(e.ok('ps', '-aq', '--filter', 'label=key=value'))
    e.ok('rm', identity)


def test_rm_removes_and_ps_filters(e):
    ids = [e.ok('create', '--name', f'f{i}', 'busybox') for i in range(3)]
    e.ok('start', 'f1')
    wait_for(lambda: e.inspect('f1', '{{.State.Status}}') == 'exited', what='f1 to end')
    assert e.ok('ps', '-aq', '--filter', 'status=exited', '--no-trunc') == ids[1]
    assert set(e.ok('ps', '-aq', '--no-trunc', '--filter', 'status=created').split()) == \
        {ids[0], ids[2]}
    assert e.ok('ps', '-q') == ''
    assert e.ok('rm', 'f0', 'f1', 'f2').split() == ['f0', 'f1', 'f2']
    result = e.cli('rm', 'f0')
    assert result.code == 1 and 'No such container' in result.err, result


def test_rm_flag_removes_even_when_it_fails(e):
    e.cli('run', '--rm', '--name', 'short', 'busybox', 'false')
    wait_for(lambda: e.ok('ps', '-aq') == '', what='--rm')


def test_id_prefixes_name_a_container(e):
    identity = e.ok('create', 'busybox')
    assert e.inspect(identity[:7], '{{.Id}}') == identity
    e.ok('rm', identity[:5])


def test_init_reaps(e):
    e.ok('run', '-d', '--init', '--name', 'reaper', 'busybox', 'sleep', '1000')
    e.ok('exec', 'reaper', 'sh', '-c', '(sleep 0.1 &) ; exit 0')
    wait_for(lambda: 'Z' not in e.ok('exec', 'reaper', 'sh', '-c',
                                     'cat /proc/[0-9]*/stat | cut -d" " -f3'), what='no zombies')
    assert e.ok('exec', 'reaper', 'cat', '/proc/1/comm') != 'sleep'
    e.ok('rm', '-f', 'reaper')


def test_a_restart_policy_starts_again(e):
    e.ok('run', '-d', '--name', 'again', '--restart', 'on-failure:2', 'busybox', 'sh', '-c',
         'echo run; exit 1')
    wait_for(lambda: e.inspect('again', '{{.RestartCount}} {{.State.Status}}') == '2 exited',
             what='two restarts')
    wait_for(lambda: e.ok('logs', 'again') == 'run\nrun\nrun', what='its third run')
    e.ok('rm', 'again')


def test_info_and_version(e):
    info = json.loads(e.ok('info', '--format', '{{json .}}'))
    assert info['Images'] >= 1 and info['OSType'] == 'linux' and info['NCPU'] >= 1, info
    version = json.loads(e.ok('version', '--format', '{{json .}}'))
    assert version['Server']['ApiVersion'] and version['Client']['ApiVersion'], version


def test_many_at_once(e):
    running = [e.popen('run', '--rm', 'busybox', 'echo', str(i)) for i in range(12)]
    outputs = sorted(int(p.communicate(timeout=60)[0]) for p in running)
    assert outputs == list(range(12)), outputs
    assert all(p.returncode == 0 for p in running)


if __name__ == '__main__':
    tap.main()
