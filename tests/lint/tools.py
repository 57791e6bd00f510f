#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Lints that are other people's tools: one mode each, run over our files.

usage: tools.py format|shell|spelling|headers|cppcheck|tidy BUILD_DIR

A tool that is not installed is a skip (exit 77). What cppcheck and clang-tidy found clean is
remembered in BUILD_DIR/lint, so a second run looks only at what changed.
"""
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import source

C_FILES = ('core/*.[ch]', 'plugins/*.[ch]', 'sdk/*.[ch]', 'tests/*.[ch]')
STRICT = ['-Wall', '-Wextra', '-Wpedantic', '-Werror', '-fsyntax-only']
# Only what finds bugs; the style is clang-format's and budgets.py's.
TIDY = ','.join([
    '-*', 'bugprone-*', '-bugprone-easily-swappable-parameters', '-bugprone-reserved-identifier',
    '-bugprone-narrowing-conversions', '-bugprone-implicit-widening-of-multiplication-result',
    '-bugprone-assignment-in-if-condition', '-bugprone-branch-clone', '-bugprone-signal-handler',
    '-bugprone-macro-parentheses',      # X-macro tables are not expressions
    '-bugprone-suspicious-include', '-bugprone-sizeof-expression',
    '-bugprone-not-null-terminated-result',
    'misc-redundant-expression', 'misc-misplaced-const', 'readability-misleading-indentation'])


def need(tool):
    path = shutil.which(tool)
    if not path:
        print(f'SKIP: {tool} is not installed')
        sys.exit(77)
    return path


def run(argv, **kwargs):
    return subprocess.run(argv, cwd=source.TOP, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **kwargs)


def parallel(work, items):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return [p for found in pool.map(work, items) for p in found]


def check_format(_build):
    tool = need('clang-format')
    names = [n for n in source.files(*C_FILES) if not n.startswith('sdk/abi/')]
    if not names:
        return []
    done = run([tool, '--dry-run', '-Werror'] + names)
    return sorted({line for line in done.stdout.splitlines() if ': error:' in line})


def check_shell(_build):
    tool = need('shellcheck')
    names = [n for n in source.files() if not n.endswith(('.py', '.c', '.h'))
             and re.match(r'#!.*\b(ba|da)?sh\b', first_line(n))]
    done = run([tool, '--severity=style', '--exclude=SC1091,SC2317', '--format=gcc'] + names)
    return done.stdout.splitlines()


def first_line(name):
    try:
        with open(os.path.join(source.TOP, name), 'rb') as file:
            return file.readline(200).decode('utf-8', 'replace')
    except OSError:
        return ''


def check_spelling(_build):
    tool = need('codespell')
    names = [n for n in source.files('*.[ch]', '*.md', '*.py', 'core/quickstart', 'tests/run')
             if '/corpus/' not in n]
    done = run([tool, '--ignore-words-list=' + ','.join(SPELLED)] + names)
    return done.stdout.splitlines()


# Right in our field whatever a dictionary says.
SPELLED = ['inh', 'ro', 'te', 'fo', 'ot', 'hel', 'ans', 'nd', 'ue', 'crate', 'mater', 'inout', 'creat',
           'fpr', 'iif', 'oif', 'filetest', 'numer', 'sectionin', 'strat', 'ser', 'clen', 'wirth',
           'fot', 'whats', 'parm', 'stap', 'ist', 'ba', 'ges', 'berth']


def check_headers(_build):
    """Each header compiles alone as C17; the public ones as C++17 too, with nothing but -I."""
    jobs = []
    for name in source.files('core/*.h', 'plugins/*.h', 'sdk/include/*.h'):
        sdk = name.startswith('sdk/')
        std = '-std=c17' if sdk else '-std=gnu17'
        more = [] if sdk else ['-D_GNU_SOURCE', '-Wno-pedantic', '-Icore']
        if name.startswith('plugins/'):
            more.append('-I' + '/'.join(name.split('/')[:2]))
        flags = ['-Isdk/include'] + more + pkg_flags() * (not sdk)
        jobs.append(['gcc', '-x', 'c', std] + STRICT + flags + ['-include', name, '/dev/null'])
        if sdk:
            jobs.append(['g++', '-x', 'c++', '-std=c++17'] + STRICT + flags
                        + ['-include', name, '/dev/null'])
    if any(job[0] == 'g++' for job in jobs) and not shutil.which('g++'):
        jobs = [job for job in jobs if job[0] != 'g++']

    def compile_one(argv):
        done = run(argv)
        return [] if done.returncode == 0 else [f'{argv[-2]} ({argv[3]}): does not compile alone:\n'
                                                + done.stdout]
    return parallel(compile_one, jobs)


def pkg_flags():
    libs = ['json-c', 'libarchive', 'libseccomp', 'libcrypto', 'sqlite3', 'libmicrohttpd', 'libmnl',
            'libnftnl', 'libzstd']
    return run(['pkg-config', '--cflags'] + libs).stdout.split()


class Clean:
    """Hashes of what a tool found clean before: a file, every header, and the tool's arguments."""

    def __init__(self, build, tool, salt):
        self.folder = os.path.join(build, 'lint', tool)
        os.makedirs(self.folder, exist_ok=True)
        every = hashlib.sha256(salt.encode())
        for name in source.files('core/*.h', 'plugins/*.h', 'sdk/include/*.h'):
            every.update(source.read(name).encode())
        self.headers = every.digest()

    def mark(self, name):
        key = hashlib.sha256(self.headers + name.encode() + source.read(name).encode())
        return os.path.join(self.folder, key.hexdigest())

    def dirty(self, names):
        return [n for n in names if not os.path.exists(self.mark(n))]

    def remember(self, name):
        with open(self.mark(name), 'w', encoding='ascii'):
            pass


def compiled(build):
    """{file: compile arguments} of the C files that this build compiles."""
    with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as file:
        commands = json.load(file)
    result = {}
    for entry in commands:
        name = os.path.relpath(os.path.join(entry['directory'], entry['file']), source.TOP)
        if name.startswith(('core/', 'plugins/')):
            result.setdefault(name, entry)
    return result


def check_cppcheck(build):
    tool = need('cppcheck')
    base = [tool, '--enable=warning,performance,portability', '--inline-suppr', '--quiet',
            '--std=c11', '--language=c', '--error-exitcode=1', '-Icore', '-Isdk/include',
            '-D_GNU_SOURCE', '--suppress=missingInclude', '--suppress=normalCheckLevelMaxBranches',
            '--suppress=nullPointerArithmetic',
            # it does not know __attribute__((cleanup)), nor that readdir is fine on its own DIR
            '--suppress=resourceLeak', '--suppress=memleak', '--suppress=readdirCalled',
            '--suppress=autoVariables', '--suppress=invalidFunctionArg', '--suppress=uninitvar',
            '--suppress=ctuuninitvar', '--suppress=nullPointer', '--suppress=getpwuidCalled', '--suppress=preprocessorErrorDirective',
            '--suppress=wrongPrintfScanfArgNum',     # gcc's -Wformat=2 knows better
            '--library=posix', '--library=gnu', '--template={file}:{line}: {id}: {message}']
    clean = Clean(build, 'cppcheck', ' '.join(base))

    def one(name):
        done = run(base + [name])
        if done.returncode == 0:
            clean.remember(name)
            return []
        return done.stdout.splitlines()
    return sorted(set(parallel(one, clean.dirty(source.files('core/*.c', 'plugins/*.c')))))


def check_tidy(build):
    tool = need('clang-tidy')
    commands = compiled(build)
    clean = Clean(build, 'tidy', TIDY)
    todo = clean.dirty(sorted(commands))
    with tempfile.TemporaryDirectory() as folder:
        database = []
        for name in todo:
            entry = dict(commands[name])
            # gcc's own options mean nothing to clang.
            entry['command'] = re.sub(r'\s(-fanalyzer\S*|-fstack-clash-protection|-Werror\S*)', '',
                                      entry['command'])
            database.append(entry)
        with open(os.path.join(folder, 'compile_commands.json'), 'w', encoding='utf-8') as file:
            json.dump(database, file)

        def one(name):
            done = run([tool, '-p', folder, '--quiet', f'--checks={TIDY}',
                        '--header-filter=(core|plugins|sdk)/.*', os.path.join(source.TOP, name)])
            bad = [line.replace(source.TOP + '/', '') for line in done.stdout.splitlines()
                   if re.search(r': (warning|error): ', line)
                   and 'clang-diagnostic-unknown-warning-option' not in line
                   and '[clang-diagnostic-unused-command-line-argument]' not in line]
            if not bad:
                clean.remember(name)
            return bad
        return sorted(set(parallel(one, todo)))


def main():
    modes = {'format': check_format, 'shell': check_shell, 'spelling': check_spelling,
             'headers': check_headers, 'cppcheck': check_cppcheck, 'tidy': check_tidy}
    if len(sys.argv) != 3 or sys.argv[1] not in modes:
        sys.exit(__doc__)
    source.finish(modes[sys.argv[1]](os.path.abspath(sys.argv[2])), sys.argv[1])


main()
