#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Drivers are shared objects: listed, described, loaded on first use, swapped by one line of
configuration, and refused in one sentence when something is wrong with the file."""
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import engine                         # noqa: E402
import tap                            # noqa: E402

FOLDER = os.path.join(engine.PREFIX, 'lib', 'berth', 'plugins')
STRANGER = '''
#include <berth/plugin.h>
#include <stdlib.h>
static int32_t start(const berth_host *h, const berth_cfg *c, berth_inst **r, berth_error *e)
{ abort(); }
static void stop(berth_inst *i) { }
static const struct { uint32_t size, word; void (*call[64])(void); } ops = { OPS, 0,
    { [0 ... 63] = abort } };      /* every operation is there */
static const berth_plugin it = { sizeof it, MAGIC, MAJOR, 0, MINIMUM, KIND, THREADS, 0, NAME, "9",
    "a test", "Apache-2.0", 0, { &ops.size }, start, stop, 0 };
BERTH_PLUGIN(it)
'''
GOOD = {'OPS': 'sizeof ops', 'MAGIC': 'BERTH_MAGIC', 'MAJOR': 'BERTH_ABI_MAJOR', 'MINIMUM': '0',
        'KIND': 'BERTH_KIND_STORAGE', 'THREADS': 'BERTH_THREADS_PARALLEL', 'NAME': '"stranger"'}


def setup(e):
    tap.load_busybox(e)


def installed():
    found = {}
    for kind in os.listdir(FOLDER):
        for name in os.listdir(os.path.join(FOLDER, kind)):
            found[name[:-3]] = kind
    return found


def mapped(e):
    with open(f'/proc/{e.process.pid}/maps', encoding='utf-8') as file:
        return set(re.findall(r'/([a-z0-9_-]+)\.so$', file.read(), re.M))


def test_the_drivers_are_there(e):
    have = installed()
    for kind, name in (('storage', 'overlay'), ('storage', 'vfs'), ('network', 'bridge'),
                       ('network', 'host'), ('network', 'none'), ('transport', 'unix')):
        assert have.get(name) == kind, (name, have)


def test_ls_lists_them(e):
    out = e.ok('plugin', 'ls')
    for name, kind in installed().items():
        assert re.search(rf'\b{name}\b.*\b{kind}\b|\b{kind}\b.*\b{name}\b', out), (name, out)


def test_inspect_by_name_and_by_file(e):
    by_name = json.loads(e.ok('plugin', 'inspect', 'overlay'))
    text = json.dumps(by_name).lower()
    assert 'overlay' in text and 'storage' in text and 'apache-2.0' in text, text
    by_file = json.loads(e.ok('plugin', 'inspect', os.path.join(FOLDER, 'storage', 'vfs.so')))
    assert 'vfs' in json.dumps(by_file), by_file


def test_inspect_of_a_file_never_installed_does_not_open_it(e):
    path = build(e, 'stranger', {})
    out = e.ok('plugin', 'inspect', path)
    assert 'stranger' in out and 'a test' in out, out     # its open() would abort
    result = e.cli('plugin', 'inspect', 'no-such-driver')
    assert result.code == 1 and 'no-such-driver' in result.err, result


def build(e, name, change, folder=None):
    folder = folder or e.sandbox.path('so')
    os.makedirs(folder, exist_ok=True)
    source = STRANGER
    for word, value in {**GOOD, **change}.items():
        source = re.sub(rf'\b{word}\b', value, source)
    path = os.path.join(folder, f'{name}.so')
    subprocess.run(['gcc', '-shared', '-fPIC', '-w', '-x', 'c', '-I',
                    os.path.join(engine.PREFIX, 'include'), '-o', path, '-'], input=source,
                   text=True, check=True)
    return path


def refused(e, path, *words):
    result = e.cli('plugin', 'inspect', path)
    lines = [x for x in result.err.strip().splitlines() if x.strip()]
    assert result.code == 1 and len(lines) == 1, result
    assert path in lines[0], result
    assert any(re.search(w, lines[0], re.I) for w in words), (words, result)
    assert e.api('GET', '/_ping').status == 200


def test_each_wrong_file_is_refused_in_one_sentence(e):
    refused(e, build(e, 'newer', {'MAJOR': '2'}), 'ABI 2')
    refused(e, build(e, 'older', {'MAJOR': '0'}), 'ABI 0')
    refused(e, build(e, 'minor', {'MINIMUM': '99'}), 'minor')
    refused(e, build(e, 'magic', {'MAGIC': '0x12345678'}), 'magic')
    refused(e, build(e, 'kind', {'KIND': '77'}), 'kind')
    refused(e, build(e, 'threads', {'THREADS': '0'}), 'thread')
    refused(e, build(e, 'empty', {'OPS': 'sizeof(uint32_t)'}), 'op', 'table', 'size')


def test_foreign_truncated_and_text_files_are_refused(e):
    folder = e.sandbox.path('so')
    os.makedirs(folder, exist_ok=True)
    foreign = f'{folder}/foreign.so'
    for library in ('/usr/lib/x86_64-linux-gnu/libz.so.1', '/lib/x86_64-linux-gnu/libm.so.6'):
        if os.path.exists(library):
            shutil.copy(library, foreign)
            refused(e, foreign, 'berth_plugin_query', 'export')
            break
    with open(os.path.join(FOLDER, 'storage', 'vfs.so'), 'rb') as file:
        data = file.read()
    for size in (0, 10, 64, 1000, len(data) // 2):
        with open(f'{folder}/cut.so', 'wb') as file:
            file.write(data[:size])
        refused(e, f'{folder}/cut.so', '.')
    with open(f'{folder}/text.so', 'w', encoding='ascii') as file:
        file.write('#!/bin/sh\necho no\n')
    refused(e, f'{folder}/text.so', 'elf')


def test_files_that_others_may_write_are_refused(e):
    path = build(e, 'stranger', {}, e.sandbox.path('open'))
    os.chmod(path, 0o666)
    refused(e, path, 'writable', 'write')
    os.chmod(path, 0o644)
    os.chown(path, 1234, 0)
    refused(e, path, 'own', 'belongs')
    os.chown(path, 0, 0)
    os.chmod(os.path.dirname(path), 0o777)
    refused(e, path, 'writable', 'write')
    os.chmod(os.path.dirname(path), 0o755)
    e.ok('plugin', 'inspect', path)


def test_drivers_are_loaded_on_first_use(e):
    fresh = engine.Engine.second(e, e.kind, e.client, 'lazy')
    fresh.start()
    try:
        before = mapped(fresh)
        assert not before & {'vfs', 'host', 'hub', 'private', 'tls', 'ssh'}, before
        fresh.ok('run', '--rm', '--network', 'host', 'hello')
        assert 'host' in mapped(fresh) and 'vfs' not in mapped(fresh), mapped(fresh)
    finally:
        fresh.clean()


def test_vfs_by_one_line_of_configuration(e):
    other = engine.Engine.second(e, e.kind, e.client, 'vfs')
    other.config = {'storage-driver': 'vfs'}
    other.start()
    try:
        tap.load_busybox(other)
        assert other.ok('info', '-f', '{{.Driver}}') == 'vfs'
        name = other.ok('run', '-d', '--network', 'none', 'busybox', 'sleep', '1000')
        other.ok('exec', name, 'sh', '-c', 'echo kept > /file')
        other.ok('restart', '-t', '0', name)
        assert other.ok('exec', name, 'cat', '/file') == 'kept'
        other.restart()
        assert other.ok('exec', name, 'cat', '/file') == 'kept'
        other.ok('rm', '-f', name)
        assert other.ok('run', '--rm', '--network', 'none', 'busybox', 'ls', '/').count('file') == 0
    finally:
        other.clean()


def test_a_storage_driver_that_does_not_exist_is_said_at_start(e):
    other = engine.Engine.second(e, e.kind, e.client, 'wrong')
    other.config = {'storage-driver': 'no-such-driver'}
    other.start(wait=False)
    assert other.process.wait(20) != 0
    assert 'no-such-driver' in other.log_tail(), other.log_tail()


def test_a_broken_driver_harms_no_other(e):
    folder = e.sandbox.path('extra')
    os.makedirs(f'{folder}/storage', exist_ok=True)
    build(e, 'broken', {'MAJOR': '7', 'NAME': '"broken"'}, f'{folder}/storage')
    other = engine.Engine.second(e, e.kind, e.client, 'extra')
    other.config = {'plugin-paths': [folder]}
    other.start()
    try:
        out = other.cli('plugin', 'ls')
        assert 'overlay' in out.out, out
        assert 'broken' in out.out + out.err, out
        tap.load_busybox(other)
        assert other.ok('run', '--rm', '--network', 'none', 'busybox', 'echo', 'x') == 'x'
    finally:
        other.clean()


def test_configuration_is_checked(e):
    path = e.sandbox.path('config.json')

    def validate(text):
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return subprocess.run([e.daemon(), '--validate', '--config-file', path],
                              capture_output=True, text=True, check=False, timeout=20)
    done = validate('{"storage-driver": "overlay", "debug": true}')
    assert done.returncode == 0 and 'configuration OK' in done.stdout + done.stderr, done
    done = validate('{"no-such-key": 1}')
    assert done.returncode != 0 and 'no-such-key' in done.stdout + done.stderr, done
    done = validate('{"debug": "yes"}')
    assert done.returncode != 0 and 'debug' in done.stdout + done.stderr, done
    done = validate('{')
    assert done.returncode != 0, done


if __name__ == '__main__':
    tap.main()
