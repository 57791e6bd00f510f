#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bad input: hostile and broken archives, wrong JSON, odd names, a full disk. Each gets a clear
error, harms nothing, and leaves nothing behind."""
import gzip
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import engine                         # noqa: E402
import images                         # noqa: E402
import tap                            # noqa: E402
from engine import wait_for           # noqa: E402

VICTIM = '/tmp/berth-hostile-victim'


def setup(e):
    tap.load_busybox(e)


def refused(e, path, *words, timeout=60):
    """The archive is refused with one of the words; then nothing more is there than before."""
    before = e.ok('images', '-aq')
    result = e.cli('load', '-i', path, timeout=timeout)
    assert result.code != 0, result
    assert any(w in result.err.lower() for w in words), result
    assert 'panic' not in result.err and len(result.err) < 2000, result
    assert e.ok('images', '-aq') == before
    assert not os.path.exists(VICTIM), 'a file was written outside of the layer'
    return result


def layered(e, layer, tag='hostile:1'):
    path = e.sandbox.path('hostile.tar')
    images.docker_archive(path, tag, [images.busybox_layer(), layer.bytes()])
    return path


def harmless(e, layer):
    """Refused, or unpacked inside its own root; either way the host is as before."""
    result = e.cli('load', '-i', layered(e, layer))
    assert not os.path.lexists(VICTIM), 'a file was written outside of the layer'
    if result.code == 0:
        e.ok('rmi', '-f', 'hostile:1')
    return result


def test_dot_dot(e):
    up = '../' * 30
    for name in (up + VICTIM[1:], 'tmp/' + up + VICTIM[1:], './' + up + VICTIM[1:], '..'):
        harmless(e, images.Layer().add(name, 'x'))


def test_absolute_paths_stay_inside(e):
    harmless(e, images.Layer().add(VICTIM, 'x'))
    harmless(e, images.Layer().add('//' + VICTIM, 'x'))


def test_symlinked_parents_stay_inside(e):
    for target in ('/tmp', '../../../../../../../../../../../../tmp', '/proc/self/root/tmp',
                   '/proc/1/root/tmp', '/proc/self/cwd'):
        harmless(e, images.Layer().symlink('out', target)
                 .add('out/berth-hostile-victim', 'x'))
    harmless(e, images.Layer().symlink('a', '/').symlink('b', 'a/tmp')
             .add('b/berth-hostile-victim', 'x'))


def test_a_link_of_an_earlier_layer_is_not_followed_out(e):
    first = images.Layer().symlink('out', '/tmp').bytes()
    second = images.Layer().add('out/berth-hostile-victim', 'x').bytes()
    path = e.sandbox.path('two.tar')
    images.docker_archive(path, 'hostile:1', [images.busybox_layer(), first, second])
    e.cli('load', '-i', path)
    assert not os.path.exists(VICTIM)
    e.cli('rmi', '-f', 'hostile:1')


def test_hard_links_out_of_the_root(e):
    with open(e.sandbox.path('secret'), 'w', encoding='ascii') as file:
        file.write('host secret')
    for target in (e.sandbox.path('secret'), '../' * 30 + e.sandbox.path('secret')[1:],
                   '/etc/shadow'):
        layer = images.Layer().hardlink('stolen', target)
        if e.cli('load', '-i', layered(e, layer)).code == 0:
            out = e.cli('run', '--rm', '--network', 'none', 'hostile:1', 'cat', '/stolen')
            assert 'secret' not in out.out and 'root:' not in out.out, out
            e.ok('rmi', '-f', 'hostile:1')
    layer = images.Layer().symlink('link', e.sandbox.path('secret')).hardlink('stolen', 'link')
    if e.cli('load', '-i', layered(e, layer)).code == 0:
        out = e.cli('run', '--rm', '--network', 'none', 'hostile:1', 'cat', '/stolen')
        assert 'secret' not in out.out, out
        e.ok('rmi', '-f', 'hostile:1')
    assert os.stat(e.sandbox.path('secret')).st_nlink == 1


def test_whiteouts_do_not_delete_outside(e):
    folder = e.sandbox.path('precious')
    os.makedirs(folder, exist_ok=True)
    with open(f'{folder}/file', 'w', encoding='ascii') as file:
        file.write('x')
    harmless(e, images.Layer().symlink('out', folder).add('out/.wh.file'))
    harmless(e, images.Layer().add('.wh..'))
    harmless(e, images.Layer().add('.wh.' + '../' * 20 + folder[1:] + '/file'))
    harmless(e, images.Layer().add('.wh.'))
    assert os.path.exists(f'{folder}/file')
    e.ok('run', '--rm', 'busybox', 'true')


def test_a_file_becomes_a_folder_and_back(e):
    first = images.Layer().add('x', 'file').folder('y').add('y/in', '1')
    second = images.Layer().folder('x').add('x/in', '2').add('y', 'file')
    path = e.sandbox.path('swap.tar')
    images.docker_archive(path, 'swap:1', [images.busybox_layer(), first.bytes(), second.bytes()])
    e.ok('load', '-i', path)
    assert e.ok('run', '--rm', '--network', 'none', 'swap:1', 'cat', '/x/in', '/y') == '2file'
    e.ok('rmi', 'swap:1')


def test_device_nodes_do_not_open_host_devices(e):
    layer = images.Layer()
    layer.add('disk', kind=tarfile.BLKTYPE, mode=0o666, devmajor=254, devminor=0)
    if e.cli('load', '-i', layered(e, layer)).code == 0:
        result = e.cli('run', '--rm', 'hostile:1', 'head', '-c', '1', '/disk')
        assert result.code != 0, result
        e.ok('rmi', 'hostile:1')


def test_a_wrong_digest_is_refused(e):
    path = e.sandbox.path('wrong.tar')
    if e.kind == 'berth':
        # a layer that nobody has seen: a known one is not read again
        layer = images.Layer().add('new', os.urandom(5000)).bytes()
        images.oci_archive(path, 'wrong:1', [layer], wrong_digest=True)
        refused(e, path, 'digest', 'checksum')
    layer = images.busybox_layer()
    conf = json.loads(images.config([layer]))
    conf['rootfs']['diff_ids'] = ['sha256:' + '0' * 64]
    images.docker_archive(path, 'wrong:1', [layer], conf=json.dumps(conf).encode())
    refused(e, path, 'digest', 'diffid', 'mismatch', 'invalid')


def test_truncated_archives(e):
    path = e.sandbox.path('whole.tar')
    images.docker_archive(path, 'cut:1', images.busybox_layers(), how='gzip')
    with open(path, 'rb') as file:
        data = file.read()
    for size in (0, 1, 511, 512, 1000, len(data) // 3, len(data) // 2,
                 data.rindex(b'manifest.json') + 600):
        with open(path, 'wb') as file:
            file.write(data[:size])
        result = e.cli('load', '-i', path)
        # Docker says nothing and loads nothing when the manifest is not there
        assert result.code != 0 or e.kind == 'docker', (size, result)
        assert 'cut:1' not in e.ok('images', '--format', '{{.Repository}}:{{.Tag}}')


def test_junk_of_every_kind(e):
    path = e.sandbox.path('junk.tar')
    for data in (os.urandom(4096), b'\x1f\x8b' + os.urandom(4000), b'\x28\xb5\x2f\xfd' + b'x' * 999,
                 b'\0' * 10240, gzip.compress(os.urandom(2000))):
        with open(path, 'wb') as file:
            file.write(data)
        result = e.cli('load', '-i', path)
        assert result.code != 0 or e.kind == 'docker', result
    e.ok('run', '--rm', '--network', 'none', 'busybox', 'true')


def test_broken_metadata(e):
    path = e.sandbox.path('meta.tar')
    layer = images.busybox_layer()
    for conf in (b'{', b'[]', b'null', b'{"rootfs":{"type":"layers","diff_ids":[]}}',
                 b'{"rootfs":5}', b'{"os":7,"rootfs":{"type":"layers","diff_ids":["x"]}}',
                 b'{"a":' * 5000, b'\xff\xfe'):
        images.docker_archive(path, 'meta:1', [layer], conf=conf)
        result = e.cli('load', '-i', path)
        assert result.code != 0, (conf[:50], result)
    for manifest in (b'{}', b'[{}]', b'[{"Config":"../../etc/passwd","Layers":[]}]',
                     b'[{"Config":"x.json","RepoTags":["UPPER:1"],"Layers":["a"]}]', b'[[1]]'):
        with tarfile.open(path, 'w') as out:
            images.put(out, 'manifest.json', manifest)
        result = e.cli('load', '-i', path)
        assert result.code != 0, (manifest, result)


def test_manifest_names_that_lead_out(e):
    path = e.sandbox.path('names.tar')
    layer = images.busybox_layer()
    conf = images.config([layer])
    for name in ('../../../../etc/hostname', '/etc/hostname', 'link'):
        with tarfile.open(path, 'w') as out:
            images.put(out, 'c.json', conf)
            info = tarfile.TarInfo('link')
            info.type, info.linkname = tarfile.SYMTYPE, '/etc/hostname'
            out.addfile(info)
            images.put(out, 'manifest.json', json.dumps(
                [{'Config': 'c.json', 'RepoTags': ['names:1'], 'Layers': [name]}]).encode())
        result = e.cli('load', '-i', path)
        # Docker resolves these inside the archive's folder, and loads an empty layer.
        assert result.code != 0 or e.kind == 'docker', (name, result)
    e.cli('rmi', 'names:1')


def test_a_gzip_bomb_is_stopped(e):
    """200 MB of zeros in a few hundred KB are fine; what claims to be terabytes is not written."""
    if e.kind == 'docker':
        tap.skip('Docker writes until the disk is full')
    path = e.sandbox.path('bomb.tar')
    block = gzip.compress(b'\0' * (1 << 26), 9, mtime=0)      # 64 MiB as 64 KB
    head = tarfile.TarInfo('zeros')
    head.size = 1 << 42
    member = gzip.compress(head.tobuf(tarfile.GNU_FORMAT), 9, mtime=0) + block * 16384
    conf = images.config([b'x'])
    with tarfile.open(path, 'w') as out:
        images.put(out, 'c.json', conf)
        images.put(out, 'l/layer.tar', member[:64 << 20])
        images.put(out, 'manifest.json', json.dumps(
            [{'Config': 'c.json', 'RepoTags': ['bomb:1'], 'Layers': ['l/layer.tar']}]).encode())
    free = shutil.disk_usage(e.data).free
    started = time.monotonic()
    refused(e, path, 'limit', 'ratio', 'times', timeout=120)
    assert time.monotonic() - started < 110
    wait_for(lambda: shutil.disk_usage(e.data).free > free - (1 << 30), what='the space back')


def test_a_million_entries_are_handled(e):
    if e.kind == 'docker':
        tap.skip('it takes minutes')
    path = e.sandbox.path('million.tar')
    one = tarfile.TarInfo('d/0000000').tobuf(tarfile.USTAR_FORMAT)
    out = io.BytesIO()
    for number in range(1_000_000 if os.environ.get('BERTH_SLOW_TESTS') else 100_000):
        name = b'd%02d/%07d' % (number % 100, number)
        head = bytearray(one)
        head[0:len(name)] = name
        head[148:156] = b' ' * 8
        head[148:156] = b'%06o\0 ' % sum(head)
        out.write(head)
    out.write(b'\0' * 1024)
    images.docker_archive(path, 'million:1', [images.busybox_layer(), out.getvalue()], how='gzip')
    del out
    # Ten at a time would be 10^7 open descriptors or a recursive path: it must just work, or say no.
    result = e.cli('load', '-i', path, timeout=240)
    os.unlink(path)
    if result.code == 0:
        assert e.ok('run', '--rm', '--network', 'none', 'million:1', 'sh', '-c',
                    'ls /d07 | wc -l') != '0'
        e.ok('rmi', 'million:1', timeout=120)
    else:
        assert 'entries' in result.err, result


def test_wrong_json_is_a_400_that_names_the_field(e):
    if e.kind == 'docker':
        tap.skip('Docker names the Go type')
    for body, field in (({'Image': 7}, 'Image'), ({'Image': 'busybox', 'Env': 7}, 'Env'),
                        ({'Image': 'busybox', 'HostConfig': {'Memory': 'much'}}, 'Memory'),
                        ({'Image': 'busybox', 'Tty': 'yes'}, 'Tty'),
                        ({'Image': 'busybox', 'HostConfig': []}, 'HostConfig'),
                        ({'Image': 'busybox', 'Labels': ['x']}, 'Labels')):
        answer = e.api('POST', '/v1.41/containers/create', body)
        assert answer.status == 400 and field in answer.json['message'], (body, answer.text)


def test_broken_json_is_a_400(e):
    for body in ('{', 'null', '[]', '{"Image":', '"x"', '\xff', '{"a":' * 100000):
        answer = e.api('POST', '/v1.41/containers/create', body.encode('latin-1'))
        assert answer.status == 400 or (e.kind == 'docker' and answer.status == 500), \
            (body[:20], answer.status, answer.text[:200])
        assert answer.json['message'], answer.text
    answer = e.api('POST', '/v1.41/containers/create', {'Image': 'busybox', 'NoSuchField': 1})
    assert answer.status == 201, answer.text      # unknown fields are ignored
    e.ok('rm', answer.json['Id'])


def test_odd_requests(e):
    assert e.api('GET', '/v1.41/no/such/path').status == 404
    assert e.api('GET', '/v9.99/containers/json').status == 400
    assert e.api('GET', '/v1.41/containers/..%2f..%2fetc/json').status in (301, 400, 404)
    assert e.api('GET', '/v1.41/containers/' + 'a' * 3000 + '/json').status in (400, 404, 414)
    assert e.api('GET', '/v1.41/containers/json?filters=junk').status in (400, 500)
    assert e.api('GET', '/v1.41/containers/json?limit=-5').status in (200, 400)
    assert e.api('DELETE', '/v1.41/images/%00').status in (400, 404)
    for text in (b'\0\0\0\0', b'GET\r\n\r\n', b'GET / HTTP/9.9\r\n\r\n', b'A' * 100000,
                 b'POST /containers/create HTTP/1.1\r\nContent-Length: -1\r\n\r\n',
                 b'POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
                 b'FFFFFFFFFFFFFFFFF\r\n'):
        with e.raw() as sock:
            try:
                sock.sendall(text)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
            except OSError:
                pass
    assert e.api('GET', '/_ping').text == 'OK'


def test_odd_names(e):
    for name in ('../x', 'a/b', '-x', 'x' * 300 + '/', 'ü', 'a b', '"', '.', 'a'):
        result = e.cli('create', f'--name={name}', 'busybox')
        assert result.code != 0 and 'nvalid container name' in result.err, (name, result)
    for image in ('UPPER', 'a//b', ':x', 'x:' + 'y' * 200, 'a b', '../x', 'x@sha256:12', '-'):
        result = e.cli('create', '--', image, 'true')
        assert result.code != 0 and 'panic' not in result.err, (image, result)
    assert e.ok('ps', '-aq') == ''


def test_bad_settings_are_refused_and_leave_nothing(e):
    for options in (['--memory', '1k'], ['--cpus', '-1'], ['-v', 'relative/path:/x'],
                    ['-v', '/a:relative'], ['-p', '99999:1'], ['-p', 'x:y'], ['--user', 'no:such'],
                    ['--network', 'no-such-network'], ['--device', '/dev/no-such'],
                    ['-w', 'relative'], ['--tmpfs', 'relative'], ['--cpuset-cpus', '999'],
                    ['--ulimit', 'nofile=9:5'], ['--security-opt', 'no-such=x'],
                    ['--security-opt', 'seccomp=/no/such/file'], ['--runtime', 'no-such'],
                    ['--pid', 'container:nobody'], ['--env-file', '/no/such/file'],
                    ['--restart', 'sometimes'], ['--log-driver', 'no-such']):
        result = e.cli('run', '--rm', *options, 'busybox', 'true')
        assert result.code in (1, 125, 126, 127), (options, result)
        assert result.err.strip() and 'panic' not in result.err, (options, result)
    wait_for(lambda: e.ok('ps', '-aq') == '', 3, what='no container to be left')


def test_a_full_disk_fails_cleanly(e):
    small = engine.Engine.second(e, e.kind, e.client, 'small')
    os.makedirs(small.data, exist_ok=True)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=48m', 'small', small.data], check=True)
    try:
        small.start()
        tap.load_busybox(small)
        path = e.sandbox.path('big.tar')
        images.docker_archive(path, 'big:1', [images.busybox_layer()] + [
            images.Layer().add(f'f{i}', os.urandom(16 << 20)).bytes() for i in range(4)])
        result = small.cli('load', '-i', path)
        assert result.code != 0 and 'no space left' in result.err.lower(), result
        assert small.ok('images', '-q', 'big') == ''
        result = small.cli('run', '--rm', '--network', 'none', 'busybox', 'sh', '-c',
                           'dd if=/dev/zero of=/fill bs=1M count=90')
        assert result.code == 1 and 'No space left' in result.err, result
        if e.kind == 'berth':
            wait_for(lambda: shutil.disk_usage(small.data).free > 24 << 20, what='the space back')
        assert small.ok('run', '--rm', '--network', 'none', 'busybox', 'echo', 'x') == 'x'
        small.restart()
        assert small.ok('run', '--rm', '--network', 'none', 'busybox', 'echo', 'x') == 'x'
    finally:
        small.clean()
        subprocess.run(['umount', small.data], check=False)


def test_it_still_works_after_all_that(e):
    assert e.ok('run', '--rm', 'busybox', 'echo', 'fine') == 'fine'
    assert not os.path.exists(VICTIM)


if __name__ == '__main__':
    tap.main(limit=250)
