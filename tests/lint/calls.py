#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Calls that the laws of core/ARCHITECTURE.md forbid, and file descriptors born without O_CLOEXEC."""
import re

import source

EVERYWHERE = ('core/*.c', 'core/*.h', 'plugins/*.c', 'plugins/*.h', 'sdk/include/*.h')
LIBRARY = ('core/*.c', 'core/*.h', 'plugins/*.c', 'plugins/*.h')

# rule, functions, files it holds in, folders it does not hold in, why
RULES = [
    ('unsafe-string', 'strcpy strcat sprintf vsprintf gets stpcpy strtok alloca', EVERYWHERE, (),
     'no bound; use the string functions of core/base or snprintf'),
    ('unchecked-number', 'atoi atol atoll atof', EVERYWHERE, (),
     'accepts junk and overflow; use strtoull or the parsers of core/base'),
    ('shell', 'system popen wordexp', EVERYWHERE, (), 'goes through a shell; use posix_spawn'),
    ('fork', 'fork vfork clone', EVERYWHERE, ('core/shim/',),
     'no code between fork and exec in a threaded program; use posix_spawn'),
    ('thread-state', 'setns unshare chdir fchdir umask chroot pivot_root setfsuid setfsgid',
     EVERYWHERE, ('core/shim/', 'core/linux/'),
     'pool threads never change namespace, cwd, umask or fsuid; ask core/linux or the host'),
    ('temporary-name', 'mktemp tmpnam tempnam tmpfile', EVERYWHERE, (), 'races; use O_TMPFILE'),
    ('static-buffer', 'localtime gmtime ctime asctime inet_ntoa getpwnam getpwuid getgrnam getgrgid '
     'gethostbyname rand strsignal', EVERYWHERE, (), 'not thread-safe or reads the wrong database'),
    ('signal', 'signal', EVERYWHERE, (), 'semantics vary; use sigaction or signalfd'),
    ('environment', 'setenv putenv unsetenv clearenv', EVERYWHERE, ('core/shim/', 'core/cli/'),
     'races with getenv in other threads'),
    ('exit', 'exit _exit abort quick_exit', LIBRARY, ('core/shim/', 'core/cli/'),
     'only main() ends the program'),
    ('print', 'printf puts putchar perror vprintf', LIBRARY, ('core/shim/', 'core/cli/'),
     'libraries never print; log or return an error'),
]
BORN = [
    ('cloexec', 'open openat creat socket socketpair accept4 pipe2 memfd_create epoll_create1 '
     'eventfd timerfd_create inotify_init1 signalfd open_tree fsopen fsmount pidfd_open dup3 '
     'openat2 recvmsg'),
]
FLAGLESS = {'accept': 'accept4', 'pipe': 'pipe2', 'dup': 'fcntl(F_DUPFD_CLOEXEC)', 'dup2': 'dup3',
            'epoll_create': 'epoll_create1', 'inotify_init': 'inotify_init1', 'creat': 'open'}
CALL = r'(?<![\w.>])(%s)\s*\('


def covered(path, patterns, exempt):
    return path in COVER[patterns] and not path.startswith(tuple(exempt) or ('\0',))


COVER = {p: set(source.files(*p)) for p in (EVERYWHERE, LIBRARY)}


def forbidden(path, text):
    for rule, names, patterns, exempt, why in RULES:
        if not covered(path, patterns, exempt):
            continue
        for match in re.finditer(CALL % '|'.join(names.split()), text):
            if rule == 'signal' and re.search(r'SIG_(IGN|DFL)\)$',
                                              source.call_text(text, match.end() - 1)):
                continue     # means the same everywhere
            yield rule, match, f'{match.group(1)}(): {why}'


def cloexec(path, text):
    for match in re.finditer(CALL % '|'.join(FLAGLESS), text):
        if match.group(1) == 'dup2' and path.startswith('core/shim/'):
            continue     # 0, 1 and 2 of the program that it starts
        yield 'cloexec', match, f'{match.group(1)}() cannot set O_CLOEXEC at birth; ' \
                                f'use {FLAGLESS[match.group(1)]}'
    for match in re.finditer(CALL % '|'.join(BORN[0][1].split()), text):
        call = source.call_text(text, match.end() - 1)
        # A flag word held in a variable, or a message whose flags stand elsewhere, is trusted.
        if 'CLOEXEC' in call or re.search(r'\b\w*(flags|how|type)\b', call) or 'msg' in call \
                or match.group(1) == 'pidfd_open':
            continue
        yield 'cloexec', match, f'{match.group(1)}() without CLOEXEC'


def streams(text):
    for match in re.finditer(CALL % 'fopen|fdopen|popen', text):
        call = source.call_text(text, match.end() - 1)
        mode = re.search(r'"([^"]*)"\s*\)$', call)
        if match.group(1) == 'fopen' and mode and 'e' not in mode.group(1):
            yield 'cloexec', match, 'fopen() without the mode letter "e"'


def main():
    allow = source.Allow()
    problems = []
    for path in source.files(*EVERYWHERE):
        raw = source.read(path)
        text = source.strip(raw)
        found = list(forbidden(path, text)) + list(cloexec(path, text)) \
            + list(streams(source.strip(raw, keep_strings=True)))
        for rule, match, why in found:
            line = source.line_of(text, match.start())
            before = text[:match.start()].rsplit('\n', 1)[-1]
            if re.match(r'^[A-Za-z_][\w\s*]*$', before) and 'return' not in before \
                    and 'else' not in before:
                continue     # a declaration, not a call
            if not allow.permits(rule, path, match.group(1)):
                problems.append(f'{path}:{line}: {why}')
    names = [r[0] for r in RULES] + ['cloexec']
    source.finish(problems + allow.stale(names), 'calls')


main()
