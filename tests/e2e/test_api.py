#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The Engine API as programs use it: docker-py, and plain requests where details matter."""
import json
import os
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import images                         # noqa: E402
import tap                            # noqa: E402
from engine import wait_for           # noqa: E402

try:
    import docker
except ImportError:
    docker = None

SLEEP = {'Image': 'busybox', 'Cmd': ['sleep', '1000'], 'HostConfig': {'NetworkMode': 'none'}}


def setup(e):
    tap.load_busybox(e)


def client(e, **kwargs):
    if docker is None:
        tap.skip('python3-docker is not installed')
    return docker.DockerClient(base_url=e.host, timeout=60, **kwargs)


def created(e, body, name=''):
    answer = e.api('POST', f'/v1.41/containers/create{"?name=" + name if name else ""}', body)
    assert answer.status == 201, answer.text
    return answer.json['Id']


def test_ping_and_version(e):
    answer = e.api('GET', '/_ping')
    assert answer.status == 200 and answer.text == 'OK'
    assert answer.getheader('Api-Version') and answer.getheader('Ostype') == 'linux'
    assert 'no-cache' in answer.getheader('Cache-Control')
    assert e.api('HEAD', '/_ping').status == 200
    body = e.api('GET', '/version').json
    assert {'ApiVersion', 'MinAPIVersion', 'Version', 'Os', 'Arch', 'KernelVersion',
            'Components'} <= set(body), body
    for version in ('1.24', '1.30', body['ApiVersion']):
        assert e.api('GET', f'/v{version}/info').status == 200, version


def test_py_run_and_logs(e):
    c = client(e)
    assert c.ping()
    assert c.containers.run('busybox', ['echo', 'from py'], remove=True) == b'from py\n'
    try:
        c.containers.run('busybox', ['sh', '-c', 'echo bad >&2; exit 3'], remove=True)
        raise AssertionError('no error for exit code 3')
    except docker.errors.ContainerError as error:
        assert error.exit_status == 3 and b'bad' in error.stderr, error
    c.close()


def test_py_life(e):
    c = client(e)
    box = c.containers.run('busybox', ['sleep', '1000'], detach=True, name='py',
                           labels={'a': 'b'}, environment={'K': 'v'}, mem_limit='64m')
    assert [x.name for x in c.containers.list(filters={'label': 'a=b'})] == ['py']
    box.reload()
    assert box.status == 'running' and box.attrs['HostConfig']['Memory'] == 64 << 20
    code, out = box.exec_run(['sh', '-c', 'echo $K; echo e >&2; exit 4'], demux=True)
    assert (code, out) == (4, (b'v\n', b'e\n')), (code, out)
    top = box.top()
    assert any('sleep' in ' '.join(p) for p in top['Processes']), top
    box.rename('py2')
    box.stop(timeout=0)
    assert box.wait()['StatusCode'] == 137
    box.remove()
    try:
        c.containers.get('py2')
        raise AssertionError('it is still there')
    except docker.errors.NotFound:
        pass
    c.close()


def test_py_streams_of_logs(e):
    c = client(e)
    box = c.containers.run('busybox', ['sh', '-c', 'for i in 1 2 3; do echo $i; sleep 0.1; done'],
                           detach=True)
    assert b''.join(box.logs(stream=True, follow=True)) == b'1\n2\n3\n'
    assert box.logs(tail=1, timestamps=True).endswith(b'Z 3\n')
    box.remove()
    c.close()


def test_py_attach_socket_half_close(e):
    c = client(e)
    box = c.containers.create('busybox', ['cat'], stdin_open=True)
    sock = box.attach_socket(params={'stdin': 1, 'stdout': 1, 'stream': 1})
    box.start()
    raw = sock._sock
    raw.settimeout(10)
    raw.sendall(b'through the socket\n')
    raw.shutdown(1)
    data = b''
    while True:
        chunk = raw.recv(4096)
        if not chunk:
            break
        data += chunk
    kind, size = struct.unpack('>BxxxL', data[:8])
    assert (kind, data[8:8 + size]) == (1, b'through the socket\n'), data
    assert box.wait()['StatusCode'] == 0
    box.remove()
    c.close()


def test_py_images(e):
    c = client(e)
    path = e.sandbox.path('py.tar')
    images.docker_archive(path, 'py:1', [images.busybox_layer(), images.Layer().add('x').bytes()])
    with open(path, 'rb') as file:
        loaded = c.images.load(file)
    assert [t for i in loaded for t in i.tags] == ['py:1']
    image = c.images.get('py:1')
    assert image.tag('py', '2') and 'py:2' in c.images.get(image.id).tags
    assert sum(len(chunk) for chunk in image.save()) > 1 << 20
    assert len(image.history()) == 2
    c.images.remove('py:1')
    c.images.remove('py:2')
    try:
        c.images.get('py:1')
        raise AssertionError('it is still there')
    except docker.errors.ImageNotFound:
        pass
    c.close()


def test_py_events(e):
    c = client(e)
    seen = []
    stream = c.events(decode=True, filters={'type': 'container'})

    def collect():
        for event in stream:
            seen.append(event['Action'].split(':')[0])
            if event['Action'] == 'destroy':
                return
    thread = threading.Thread(target=collect)
    thread.start()
    time.sleep(0.3)
    c.containers.run('busybox', ['true'], remove=True, name='evented')
    thread.join(15)
    stream.close()
    for action in ('create', 'start', 'die', 'destroy'):
        assert action in seen, seen
    assert seen.index('create') < seen.index('start') < seen.index('die'), seen
    c.close()


def test_py_stats(e):
    c = client(e)
    box = c.containers.run('busybox', ['sleep', '1000'], detach=True)
    stats = box.stats(stream=False)
    assert stats['memory_stats']['usage'] > 0 and stats['pids_stats']['current'] >= 1, stats
    assert stats['cpu_stats']['cpu_usage']['total_usage'] > 0
    box.remove(force=True)
    c.close()


def test_create_answers(e):
    answer = e.api('POST', '/v1.41/containers/create?name=once', SLEEP)
    assert answer.status == 201 and set(answer.json) == {'Id', 'Warnings'}, answer.text
    assert e.api('POST', '/v1.41/containers/create?name=once', SLEEP).status == 409
    assert e.api('POST', '/v1.41/containers/create', {'Image': 'none-such'}).status == 404
    assert e.api('POST', '/v1.41/containers/create', {'Cmd': ['x']}).status in (400, 404)
    assert e.api('POST', '/v1.41/containers/create', '').status == 400
    assert e.api('DELETE', '/v1.41/containers/once').status == 204
    assert e.api('DELETE', '/v1.41/containers/once').status == 404


def test_start_stop_statuses(e):
    identity = created(e, SLEEP)
    path = f'/v1.41/containers/{identity}'
    assert e.api('POST', f'{path}/start').status == 204
    assert e.api('POST', f'{path}/start').status == 304
    assert e.api('POST', f'{path}/kill?signal=NOSUCH').status in (400, 500)
    assert e.api('DELETE', path).status == 409
    assert e.api('POST', f'{path}/stop?t=0').status == 204
    assert e.api('POST', f'{path}/stop?t=0').status == 304
    assert e.api('POST', f'{path}/kill').status == 409
    assert e.api('POST', f'{path}/exec', {'Cmd': ['x']}).status == 409
    assert e.api('DELETE', f'{path}?force=1&v=1').status == 204
    assert e.api('POST', '/v1.41/containers/nobody/start').status == 404


def test_wait_conditions(e):
    identity = created(e, {**SLEEP, 'Cmd': ['sh', '-c', 'sleep 0.5; exit 9']})
    codes = []

    def wait(condition):
        answer = e.api('POST', f'/v1.41/containers/{identity}/wait?condition={condition}')
        codes.append((condition, answer.json['StatusCode']))
    threads = [threading.Thread(target=wait, args=(c,)) for c in ('next-exit', 'removed')]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    e.api('POST', f'/v1.41/containers/{identity}/start')
    threads[0].join(10)
    e.api('DELETE', f'/v1.41/containers/{identity}')
    threads[1].join(10)
    assert sorted(codes) == [('next-exit', 9), ('removed', 9)], codes


def test_exec_inspect_and_resize(e):
    identity = created(e, SLEEP)
    e.api('POST', f'/v1.41/containers/{identity}/start')
    answer = e.api('POST', f'/v1.41/containers/{identity}/exec',
                   {'Cmd': ['sh', '-c', 'exit 5'], 'AttachStdout': True})
    exec_id = answer.json['Id']
    assert e.api('GET', f'/v1.41/exec/{exec_id}/json').json['Running'] is False
    assert e.api('POST', f'/v1.41/exec/{exec_id}/start', {'Detach': True}).status == 200
    wait_for(lambda: e.api('GET', f'/v1.41/exec/{exec_id}/json').json['ExitCode'] == 5, what='5')
    assert e.api('POST', f'/v1.41/exec/{exec_id}/start', {'Detach': True}).status in (409, 500)
    assert e.api('GET', '/v1.41/exec/nothing/json').status == 404
    e.api('DELETE', f'/v1.41/containers/{identity}?force=1')


def test_inspect_has_docker_s_fields(e):
    identity = created(e, {**SLEEP, 'Labels': {'a': 'b'}, 'ExposedPorts': {'80/tcp': {}}})
    body = e.api('GET', f'/v1.41/containers/{identity}/json').json
    assert {'Id', 'Created', 'Path', 'Args', 'State', 'Image', 'ResolvConfPath', 'HostnamePath',
            'HostsPath', 'LogPath', 'Name', 'RestartCount', 'Driver', 'Platform', 'MountLabel',
            'ProcessLabel', 'AppArmorProfile', 'ExecIDs', 'HostConfig', 'GraphDriver', 'Mounts',
            'Config', 'NetworkSettings'} <= set(body), sorted(body)
    assert {'Status', 'Running', 'Paused', 'Restarting', 'OOMKilled', 'Dead', 'Pid', 'ExitCode',
            'Error', 'StartedAt', 'FinishedAt'} <= set(body['State']), body['State']
    assert body['State']['StartedAt'] == '0001-01-01T00:00:00Z'
    assert body['Path'] == 'sleep' and body['Args'] == ['1000'], (body['Path'], body['Args'])
    assert body['Config']['Labels'] == {'a': 'b'}
    e.api('DELETE', f'/v1.41/containers/{identity}')


def test_list_filters_and_sizes(e):
    identity = created(e, SLEEP, 'listed')
    row = e.api('GET', '/v1.41/containers/json?all=1&size=1').json[0]
    assert {'Id', 'Names', 'Image', 'ImageID', 'Command', 'Created', 'Ports', 'Labels', 'State',
            'Status', 'HostConfig', 'NetworkSettings', 'Mounts', 'SizeRootFs'} \
        <= set(row), sorted(row)
    assert row['Names'] == ['/listed'] and row['State'] == 'created', row
    filters = json.dumps({'name': ['list'], 'status': ['created']}).replace(' ', '')
    assert len(e.api('GET', f'/v1.41/containers/json?all=1&filters={filters}').json) == 1
    assert e.api('GET', '/v1.41/containers/json?filters={"nonsense":["x"]}').status == 400
    e.api('DELETE', f'/v1.41/containers/{identity}')


def test_swarm_answers_as_an_inactive_node(e):
    assert e.api('GET', '/v1.41/swarm').status == 503
    assert e.api('GET', '/v1.41/info').json['Swarm']['LocalNodeState'] == 'inactive'


def test_lists_do_not_wait_for_a_busy_container(e):
    identity = created(e, {**SLEEP, 'Cmd': ['sh', '-c', 'trap "" TERM; sleep 1000']})
    e.api('POST', f'/v1.41/containers/{identity}/start')
    thread = threading.Thread(target=e.api, args=(
        'POST', f'/v1.41/containers/{identity}/stop?t=3'))
    thread.start()
    time.sleep(0.3)
    started = time.monotonic()
    assert e.api('GET', '/v1.41/containers/json').status == 200
    assert e.api('GET', f'/v1.41/containers/{identity}/json').status == 200
    assert time.monotonic() - started < 1.5
    thread.join()
    e.api('DELETE', f'/v1.41/containers/{identity}?force=1')


def test_many_clients_at_once(e):
    failures = []

    def work(number):
        for _ in range(10):
            answer = e.api('GET', '/v1.41/containers/json?all=1')
            if answer.status != 200:
                failures.append(answer.status)
        identity = created(e, SLEEP)
        if e.api('DELETE', f'/v1.41/containers/{identity}').status != 204:
            failures.append(number)
    threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and e.ok('ps', '-aq') == '', failures


def test_idle_connections_do_not_starve_others(e):
    held = [e.raw() for _ in range(100)]
    for sock in held[:50]:
        sock.sendall(b'GET /_ping HTTP/1.1\r\nHost')
    assert e.api('GET', '/_ping').status == 200
    assert e.cli('ps').code == 0
    for sock in held:
        sock.close()


def test_descriptors_do_not_leak(e):
    def count():
        return len(os.listdir(f'/proc/{e.process.pid}/fd'))
    e.cli('run', '--rm', 'busybox', 'true')
    time.sleep(0.5)
    before = count()
    for _ in range(10):
        e.cli('run', '--rm', 'busybox', 'true')
    e.cli('run', '--rm', 'busybox', 'no-such-command')
    if e.kind == 'berth':
        wait_for(lambda: count() <= before + 2, 5, what=f'at most {before + 2} descriptors')


if __name__ == '__main__':
    tap.main()
