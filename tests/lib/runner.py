#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Builds, runs the meson suites, and counts: the part of tests/run that needs more than a shell.

Build directories, each configured and built once: build-test (as released, warnings are errors);
build-asan (ASan and UBSan), build-tsan (the daemon under ThreadSanitizer), build-fuzz (libFuzzer, by
clang; only the fuzz targets are built).
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import leaks  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITES = ['lint', 'unit', 'plugin', 'abi', 'api', 'root', 'fallback', 'fuzz-smoke', 'bench-smoke',
          'vm']
# name: (meson options, suites that run in it)
BUILDS = {
    'test': (['-Dbuildtype=release', '-Ddebug=true'], SUITES),
    'asan': (['-Dbuildtype=debugoptimized', '-Db_sanitize=address,undefined', '-Db_lundef=false'],
             ['unit', 'plugin', 'api', 'root', 'fuzz-smoke']),
    'tsan': (['-Dbuildtype=debugoptimized', '-Db_sanitize=thread', '-Db_lundef=false'], ['api']),
    'fuzz': (['-Dbuildtype=debugoptimized', '-Db_sanitize=address,undefined', '-Db_lundef=false',
              '-Dfuzz=true'], ['fuzz-smoke']),
}
ENVIRONMENT = {
    'ASAN_OPTIONS': 'abort_on_error=0:detect_leaks=1:detect_stack_use_after_return=1:'
                    'strict_string_checks=1:exitcode=99',
    'UBSAN_OPTIONS': 'print_stacktrace=1:halt_on_error=1:exitcode=98',
    'TSAN_OPTIONS': 'halt_on_error=0:exitcode=97:second_deadlock_stack=1:history_size=4',
}
SANITIZER = re.compile(r'ERROR: (Address|Leak|Thread)Sanitizer|WARNING: ThreadSanitizer|'
                       r'runtime error: ')


def say(text):
    print(text, flush=True)


def run(argv, log, **kwargs):
    """Runs a command with its output in a file; its last lines are shown when it fails."""
    with open(log, 'w', encoding='utf-8') as out:
        code = subprocess.run(argv, cwd=TOP, stdout=out, stderr=subprocess.STDOUT, check=False,
                              **kwargs).returncode
    if code:
        with open(log, encoding='utf-8', errors='replace') as file:
            say(''.join(file.readlines()[-40:]))
    return code


def known_failure(name):
    """The reason that tests/known-failures.txt gives for a failure that is open work, or None."""
    with open(os.path.join(TOP, 'tests', 'known-failures.txt'), encoding='utf-8') as file:
        for line in file:
            pattern, _, reason = line.partition('  ')
            if reason.strip() and not line.startswith('#') and re.search(pattern, name):
                return reason.strip()
    return None


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.known = 0
        self.skipped = []

    def fail(self, name, why):
        reason = known_failure(f'{name}: {why}')
        if reason:
            self.known += 1
            self.skipped.append((name, f'KNOWN FAILURE ({why}): {reason}'))
        else:
            self.failed.append((name, why))


def build(name, tally):
    """Configures and builds one directory; true when its tests can run."""
    folder = os.path.join(TOP, f'build-{name}')
    os.makedirs(folder, exist_ok=True)
    started = time.monotonic()
    # Sanitizers change what the optimiser knows, and gcc then warns of what cannot be.
    werror = 'true' if name == 'test' else 'false'
    options = BUILDS[name][0] + [f'-Dwerror={werror}', '-Dtests=true', f'--prefix={folder}/prefix']
    environment = dict(os.environ)
    if name == 'fuzz':
        environment['CC'] = environment.get('CC', 'gcc').replace('gcc', 'clang')
    if not os.path.exists(os.path.join(folder, 'build.ninja')):
        if run(['meson', 'setup', folder] + options, os.path.join(folder, 'setup.log'),
               env=environment):
            tally.fail(f'build-{name}', 'meson setup failed')
            return False
    steps = [('compile', ['ninja', '-C', folder] + ['fuzzers'] * (name == 'fuzz'))]
    if name != 'fuzz':
        steps.append(('install', ['meson', 'install', '-C', folder, '--no-rebuild', '--quiet']))
    for what, argv in steps:
        if run(argv, os.path.join(folder, f'{what}.log')):
            tally.fail(f'build-{name}', f'{what} failed')
            return False
    say(f'build-{name}: built in {time.monotonic() - started:.0f} s')
    return True


def available(folder):
    """Suites that this build has a test in."""
    done = subprocess.run(['meson', 'introspect', '--tests', folder], capture_output=True,
                          text=True, check=False, cwd=TOP)
    found = set()
    for test in json.loads(done.stdout or '[]'):
        found.update(suite.split(':')[-1] for suite in test['suite'])
    return found


def test(name, wanted, tally):
    folder = os.path.join(TOP, f'build-{name}')
    have = available(folder)
    suites = [s for s in BUILDS[name][1] if s in wanted and s in have]
    for suite in [s for s in BUILDS[name][1] if s in wanted and s not in have]:
        if name == 'test':
            tally.skipped.append((f'suite {suite}', 'has no tests in this tree'))
    if not suites:
        return
    argv = ['meson', 'test', '-C', folder, '--no-rebuild', '--print-errorlogs',
            '--num-processes', str(os.cpu_count() or 2)]
    argv += ['-t', {'test': '1', 'asan': '3', 'tsan': '5', 'fuzz': '1'}[name]]
    for suite in suites:
        argv += ['--suite', suite]
    say(f'build-{name}: {" ".join(suites)}')
    environment = dict(os.environ, **ENVIRONMENT, BERTH_BUILD=folder, BERTH_SANITIZER=name)
    started = time.monotonic()
    log = os.path.join(folder, 'test.log')
    with open(log, 'w', encoding='utf-8') as out:
        code = subprocess.run(argv, cwd=TOP, env=environment, stdout=out,
                              stderr=subprocess.STDOUT, check=False).returncode
    say(f'build-{name}: ran for {time.monotonic() - started:.0f} s')
    before = len(tally.failed) + tally.known
    count(name, os.path.join(folder, 'meson-logs', 'testlog.json'), tally)
    if code and len(tally.failed) + tally.known == before:
        tally.fail(f'build-{name}', f'meson test gave {code}; see {log}')


def count(build_name, path, tally):
    prefix = '' if build_name == 'test' else f'{build_name}: '
    with open(path, encoding='utf-8') as file:
        for line in file:
            result = json.loads(line)
            one(prefix + result['name'].split(' / ')[-1], result, tally)


def one(name, result, tally):
    """Counts the cases inside one test program, TAP's or cmocka's; or the program itself."""
    text = result.get('stdout', '') + '\n' + result.get('stderr', '')
    passed, failed, skipped = cases(text)
    outcome = result['result']
    if SANITIZER.search(text) and outcome in ('OK', 'SKIP'):
        outcome = 'FAIL'
        failed.append(('a sanitizer report', SANITIZER.search(text).group(0)))
    if outcome == 'SKIP' and not skipped:
        lines = [x for x in text.strip().splitlines() if x.strip()]
        skipped.append(('', re.sub(r'^.*SKIP[: ]*', '', lines[-1]) if lines else 'no reason given'))
    tally.passed += passed
    tally.skipped += [(f'{name} {case}'.strip(), why) for case, why in skipped]
    for case, why in failed:
        tally.fail(f'{name} {case}', why)
    if outcome in ('OK', 'EXPECTEDFAIL') and not passed and not skipped:
        tally.passed += 1
    elif outcome not in ('OK', 'SKIP', 'EXPECTEDFAIL') and not failed:
        tally.fail(name, {'TIMEOUT': 'timed out'}.get(outcome, f'exit {result.get("returncode")}'))
    if outcome not in ('OK', 'SKIP', 'EXPECTEDFAIL'):
        tail = '\n'.join(text.strip().splitlines()[-60:])
        say(f'---- {name}: {outcome}\n{tail}\n----')


TAP = re.compile(r'^(not )?ok\b\s*\d*\s*-?\s*([^#\n]*?)\s*(?:#\s*(SKIP|TODO)\b[: ]*(.*))?$', re.M)


def cases(text):
    passed, failed, skipped = 0, [], []
    for bad, name, mark, why in TAP.findall(text):
        if mark == 'SKIP':
            skipped.append((name, why))
        elif bad and mark != 'TODO':
            failed.append((name, 'not ok'))
        else:
            passed += 1
    passed += len(re.findall(r'^\[       OK \]', text, re.M))
    failed += [(n, 'failed') for n in
               sorted(set(re.findall(r'^\[  FAILED  \] (\w+)$', text, re.M)))]
    skipped += [(n, skip_reason(text, n)) for n in
                sorted(set(re.findall(r'^\[  SKIPPED \] (\w+)$', text, re.M)))]
    return passed, failed, skipped


def skip_reason(text, name):
    """A cmocka test says why on a line "SKIP: reason" before it skips."""
    match = re.search(r'\[ RUN      \] %s\n(?:.*\n)*?.*SKIP: *(.*)' % re.escape(name), text)
    return match.group(1) if match else 'the program gives no reason'


def report(tally, started):
    for name, why in tally.skipped:
        say(f'skipped: {name}: {why}')
    for name, why in tally.failed:
        say(f'FAILED: {name}: {why}')
    say(f'took {time.monotonic() - started:.0f} s')
    say(f'{tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped')
    return 1 if tally.failed or not tally.passed else 0


def main(argv):
    started = time.monotonic()
    check_leaks = '--no-leak-check' not in argv
    wanted = [a for a in argv if not a.startswith('-')]
    names = SUITES + [b for b in BUILDS if b != 'test']
    unknown = [a for a in wanted if a not in names]
    if unknown:
        sys.exit(f'tests/run: no suite named {unknown[0]}; there are: {" ".join(names)}')
    plain = [s for s in wanted if s in SUITES]
    builds = [b for b in BUILDS if not wanted or b in wanted or (b == 'test' and plain)]
    if shutil.which('ccache'):
        os.environ.setdefault('CC', 'ccache gcc')
    before = leaks.snapshot()
    tally = Tally()
    for name in builds:
        if build(name, tally):
            test(name, plain or SUITES, tally)
    if check_leaks:
        left = leaks.difference(before, leaks.snapshot())
        for line in left:
            tally.fail('leaks', line)
        tally.passed += not left
    return report(tally, started)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
