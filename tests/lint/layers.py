#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The layer law: a folder of core includes only folders above it; drivers see only the SDK.

The order below is the table of core/ARCHITECTURE.md.
"""
import os
import re

import source

ORDER = ['base', 'linux', 'oci', 'http', 'plugin', 'store', 'event', 'shim', 'image', 'volume',
         'network', 'container', 'build', 'engine', 'api', 'daemon', 'client', 'cli']
PROGRAMS = {'shim': {'shim/protocol.h'}, 'daemon': set(), 'cli': set()}
# The clients talk HTTP: of the daemon's side they share only what stands below the managers.
CLIENT_SIDE = {'client', 'cli'}
CLIENT_MAY = {'base', 'linux', 'oci', 'http', 'plugin', 'client', 'cli'}
# ISO C and POSIX headers that a public header may include.
SDK_LIBC = {'stddef.h', 'stdint.h', 'stdarg.h', 'stdio.h', 'stdlib.h', 'string.h', 'errno.h',
            'limits.h', 'inttypes.h', 'dirent.h', 'sys/types.h', 'sys/stat.h',
            'unistd.h', 'fcntl.h', 'time.h'}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)


def core(path, quote, name):
    folder = path.split('/')[1]
    if quote == '<':
        return None
    if name.startswith('../') or '/../' in name:
        return 'includes a relative path; write "folder/file.h"'
    top = name.split('/')[0]
    if '/' not in name or top not in ORDER:
        return None if os.path.isfile(os.path.join(source.TOP, os.path.dirname(path), name)) \
            else f'includes "{name}", which is in no folder of core'
    if top == folder:
        return None
    if top in PROGRAMS and name not in PROGRAMS[top]:
        return f'includes "{name}", but {top} is a program: others see only ' \
               f'{", ".join(PROGRAMS[top]) or "nothing of it"}'
    if ORDER.index(top) > ORDER.index(folder):
        return f'includes "{name}", but {top} stands below {folder}'
    if folder in CLIENT_SIDE and top not in CLIENT_MAY and name != 'shim/protocol.h':
        return f'includes "{name}", but the client side does not link the engine'
    return None


def plugin(path, quote, name):
    parts = path.split('/')          # plugins/<kind>/<name>/file
    if quote == '<':
        return None
    if len(parts) < 4:
        return None
    here = os.path.normpath(os.path.join(os.path.dirname(path), name))
    allowed = (f'plugins/{parts[1]}/{parts[2]}/', f'plugins/{parts[1]}/common/')
    if here.startswith(allowed) and os.path.isfile(os.path.join(source.TOP, here)):
        return None
    common = f'plugins/{parts[1]}/{name}'
    if name.startswith('common/') and os.path.isfile(os.path.join(source.TOP, common)):
        return None
    return f'includes "{name}": a driver includes <berth/...>, its own folder and ' \
           f'plugins/{parts[1]}/common only'


def sdk(path, quote, name):
    if name.startswith('berth/'):
        return None
    if quote == '<' and name in SDK_LIBC:
        return None
    return f'includes {quote}{name}: a public header needs nothing but libc'


def main():
    problems = []
    for path in source.files('core/*.[ch]', 'plugins/*.[ch]', 'sdk/include/*.h'):
        rule = {'core': core, 'plugins': plugin, 'sdk': sdk}[path.split('/')[0]]
        text = source.strip(source.read(path), keep_strings=True)
        for match in INCLUDE.finditer(text):
            why = rule(path, match.group(1), match.group(2))
            if why:
                problems.append(f'{path}:{source.line_of(text, match.start())}: {why}')
    source.finish(problems, 'layers')


main()
