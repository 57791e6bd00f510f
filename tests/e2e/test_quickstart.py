#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""core/quickstart, as somebody who has just cloned the repository runs it: twice, then stopped."""
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import sandbox                        # noqa: E402

SCRIPT = os.path.join(HERE, '..', '..', 'core', 'quickstart')


def run(place, *args):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(('BERTH_', 'MESON'))}
    environment.update(BERTH_STATE=place.path('state'), BERTH_BUILD_DIR=place.path('build'))
    started = time.monotonic()
    done = subprocess.run([SCRIPT, *args], capture_output=True, text=True, check=False,
                          env=environment, stdin=subprocess.DEVNULL)
    return done, time.monotonic() - started


def modified(folder):
    return {os.path.join(b, n): os.lstat(os.path.join(b, n)).st_mtime_ns
            for b, _dirs, names in os.walk(folder) for n in names if n != 'quickstart.log'}


def main():
    sandbox.enter()
    place = sandbox.Sandbox('quickstart')
    number = 0

    def check(title, good, detail=''):
        nonlocal number
        number += 1
        print(f'{"ok" if good else "not ok"} {number} - {title}', flush=True)
        if not good:
            print('\n'.join('# ' + line for line in str(detail).splitlines()[-40:]))
        return good
    try:
        done, _seconds = run(place)
        good = check('it builds, starts and says hello', done.returncode == 0 and
                     'Hello from Berth!' in done.stdout, f'{done.stdout}\n{done.stderr}')
        if good:
            check('it says what to type next', 'berth ps' in done.stdout, done.stdout)
            before = modified(place.path('build'))
            done, seconds = run(place)
            check('run again it works', done.returncode == 0 and 'Hello' in done.stdout, done)
            check('and is quick', seconds < 10, f'{seconds:.1f} s')
            after = modified(place.path('build'))
            check('and changes nothing it need not', before == after,
                  [k for k in after if before.get(k) != after[k]])
            done, _seconds = run(place, '--stop')
            check('it stops', done.returncode == 0, done)
            left = place.processes()
            check('nothing runs afterwards', not left, left)
        print(f'1..{number}')
    finally:
        place.close()


main()
