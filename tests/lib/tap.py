# SPDX-License-Identifier: Apache-2.0
"""Runs the test_* functions of a module against one engine and prints TAP.

usage of a test program: test_x.py [--engine berth|docker] [--cli berth|docker] [--keep] [NAME...]
"""
import argparse
import os
import signal
import sys
import time
import traceback

import engine
import images
import sandbox


class Skip(Exception):
    pass


def skip(why):
    raise Skip(why)


class Late(Exception):
    pass


def alarm(_number, _frame):
    raise Late('the test took too long')


def main(module_name='__main__', limit=60, **engine_options):
    """Starts the engine that all tests of the module share and runs them in the order written."""
    arguments = parse()
    why = engine.usable(arguments.engine, arguments.cli)
    if why:
        print(f'1..0 # SKIP {why}')
        sys.exit(0)
    sandbox.enter()
    for number in (signal.SIGINT, signal.SIGQUIT):     # the shell above ignores them
        signal.signal(number, signal.default_int_handler)
    module = sys.modules[module_name]
    tests = [(n, f) for n, f in vars(module).items() if n.startswith('test_') and callable(f)]
    if arguments.names:
        tests = [(n, f) for n, f in tests if any(w in n for w in arguments.names)]
    place = sandbox.Sandbox(os.path.basename(sys.argv[0]).replace('.py', '').replace('test_', ''))
    shared = engine.Engine(place, arguments.engine, arguments.cli, **engine_options)
    failed = 0
    try:
        failed = run_all(module, tests, shared, limit)
    finally:
        if arguments.keep:
            print(f'# kept: {place.root}; daemon log {shared.log}')
        else:
            place.close()
    sys.exit(1 if failed else 0)


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument('--engine', default='berth', choices=['berth', 'docker'])
    parser.add_argument('--cli', default=None, choices=['berth', 'docker'])
    parser.add_argument('--keep', action='store_true')
    parser.add_argument('names', nargs='*')
    arguments = parser.parse_args()
    arguments.cli = arguments.cli or arguments.engine
    return arguments


def run_all(module, tests, shared, limit):
    print(f'1..{len(tests) + 1}', flush=True)
    failed = 0
    try:
        shared.start()
        if hasattr(module, 'setup'):
            module.setup(shared)
    except Exception as error:  # noqa: BLE001  whatever stops the start is the one failure
        print(f'not ok 1 - the engine starts and is prepared\n{note(describe(error))}')
        print(note(tail(shared)))
        print('Bail out! no engine')
        return 1
    signal.signal(signal.SIGALRM, alarm)
    for number, (name, function) in enumerate(tests, 1):
        failed += run_one(number, name, function, shared, limit * engine.SLOWER)
    return failed + leaks(len(tests) + 1, module, shared)


def run_one(number, name, function, shared, limit):
    title = name[5:].replace('_', ' ')
    started = time.monotonic()
    signal.alarm(int(limit))
    try:
        function(shared)
    except Skip as why:
        print(f'ok {number} - {title} # SKIP {why}', flush=True)
        return 0
    except Exception as error:  # noqa: BLE001  a test may fail in any way
        signal.alarm(0)
        print(f'not ok {number} - {title}\n{note(describe(error))}')
        if shared.process is None or shared.process.poll() is not None:
            print(note('the daemon is gone; its log:\n' + tail(shared)))
            revive(shared)
        else:
            sweep(shared)
        sys.stdout.flush()
        return 1
    finally:
        signal.alarm(0)
    print(f'ok {number} - {title}\n# {time.monotonic() - started:.2f} s', flush=True)
    return 0


def sweep(shared):
    """What a failed test left must not fail the next one."""
    try:
        ids = shared.cli('ps', '-aq').out.split()
        if ids:
            shared.cli('rm', '-f', '-v', *ids)
    except AssertionError as error:
        print(note(f'cannot remove its containers: {error}'))


def revive(shared):
    try:
        shared.stop(signal.SIGKILL)
        shared.start()
    except Exception as error:  # noqa: BLE001
        print(note(f'it does not start again: {error}'))


def leaks(number, module, shared):
    """The last test of each program: nothing is left of all the others."""
    try:
        if hasattr(module, 'teardown'):
            module.teardown(shared)
        shared.clean()
        left = engine_free(shared)
    except Exception as error:  # noqa: BLE001
        left = [describe(error)]
    print(f'{"not ok" if left else "ok"} {number} - nothing is left behind')
    for line in left:
        print(note(line))
    return 1 if left else 0


def engine_free(shared):
    """Leaks after a moment of grace: teardown goes on in the background."""
    deadline = time.monotonic() + 5 * engine.SLOWER
    left = shared.sandbox.leaks()
    while left and time.monotonic() < deadline:
        time.sleep(0.1)
        left = shared.sandbox.leaks()
    if os.environ.get('BERTH_SANITIZER'):
        with open(shared.log, encoding='utf-8', errors='replace') as file:
            text = file.read()
        if 'Sanitizer' in text or 'runtime error:' in text:
            at = max(text.find('Sanitizer'), text.find('runtime error:'), 0)
            left.append('the daemon\'s log: ' + text[max(0, at - 200):at + 3000])
    return left


def tail(shared):
    try:
        return shared.log_tail()
    except OSError:
        return 'no log'


def describe(error):
    if isinstance(error, AssertionError) and error.args:
        frame = traceback.extract_tb(error.__traceback__)
        lines = [f'{os.path.basename(f.filename)}:{f.lineno}: {f.line}' for f in frame
                 if '/e2e/' in f.filename]
        return '\n'.join(lines + [str(error)])
    return traceback.format_exc()


def note(text):
    return '\n'.join('# ' + line for line in text.splitlines()[:60])


def load_busybox(shared):
    """Loads the small test image as busybox:latest."""
    path = shared.sandbox.path('busybox.tar')
    if not os.path.exists(path):
        images.docker_archive(path, 'busybox:latest', [images.busybox_layer()])
    shared.ok('load', '-i', path)
