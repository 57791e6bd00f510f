#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Is the ABI of sdk/include what sdk/abi recorded? Each check is blind somewhere, so there are two:
abidiff sees every type through debug information, the layout program sees constants and tells an
addition at a table's end (fine in a new minor) from other changes. A missing tool is a failure.

abidiff's own rule for additions, has_data_member_inserted_at = end, also silences all changes below
the struct that it names (libabigail 2.2), so abidiff compares strictly with the current minor.

usage: compare.py abidiff|layout|gate"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

SDK = os.path.realpath(os.path.join(os.path.dirname(__file__), '..', '..', 'sdk'))
ABI = os.path.join(SDK, 'abi')
# Structs without a struct_size word: they may never grow.
FIXED = ['berth_error', 'berth_param', 'berth_network_address', 'berth_network_subnet',
         'berth_network_option', 'berth_network_port']


def run(command):
    try:
        return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError:
        sys.exit(f'{command[0]} is not installed (Debian: abigail-tools, gcc): the ABI is unchecked')


def compile_c(work, include, source, output, *flags):
    done = run(['gcc', '-std=gnu17', '-I' + include, '-o', os.path.join(work, output),
                os.path.join(ABI, source), *flags])
    if done.returncode != 0:
        sys.exit(done.stdout)
    return os.path.join(work, output)


def current(include):
    with open(os.path.join(include, 'berth', 'plugin.h')) as file:
        numbers = re.findall(r'^#define BERTH_ABI_(?:MAJOR|MINOR) +(\d+)u$', file.read(), re.M)
    return os.path.join(ABI, 'v' + '.'.join(numbers))


def abidiff(work, include):
    """'' or what changed since the current minor was recorded."""
    plugin = compile_c(work, include, 'reference.c', 'reference.so', '-g', '-O0', '-shared', '-fPIC',
                       '-fvisibility=hidden')
    done = run(['abidiff', os.path.join(current(include), 'reference.abi'), plugin])
    return '' if done.returncode == 0 else done.stdout or f'abidiff: {done.returncode}'


def parse(text):
    """{struct: [header, member lines]}, {constant: value}"""
    structs, constants, members = {}, {}, []
    for line in text.splitlines():
        if match := re.match(r'struct (\w+): (.*)', line):
            members = structs[match.group(1)] = [match.group(2)]
        elif match := re.match(r'constant (\w+) = (.*)', line):
            constants[match.group(1)] = match.group(2)
        else:
            members.append(line.strip())
    return structs, constants


def compare_layout(name, old_text, text):
    old_structs, old_constants = parse(old_text)
    structs, constants = parse(text)
    faults = [f'{name}: {key} was {value}, is {constants.get(key)}'
              for key, value in old_constants.items()
              if constants.get(key) != value and key != 'BERTH_ABI_MINOR']
    for struct, members in old_structs.items():
        now = structs.get(struct, [''])
        if struct in FIXED and now != members:
            faults.append(f'{name}: struct {struct} may never change')
        elif now[1:len(members)] != members[1:]:
            faults.append(f'{name}: struct {struct} changed other than at its end')
    return faults


def layout(work, include):
    """'' or what breaks a driver built with any recorded minor of this major."""
    done = run([compile_c(work, include, 'layout.c', 'layout')])
    if done.returncode != 0:
        return done.stdout
    faults, major = [], os.path.basename(current(include)).split('.')[0]
    for path in sorted(glob.glob(os.path.join(ABI, major + '.*', 'layout.txt'))):
        with open(path) as file:
            old = file.read()
        name = os.path.basename(os.path.dirname(path))
        faults += compare_layout(name, old, done.stdout)
        if os.path.dirname(path) == current(include) and old != done.stdout and not faults:
            faults.append(f'{name}: something was added without raising BERTH_ABI_MINOR')
    return '\n'.join(faults)


def changed(work, pattern, text):
    """A copy of the headers with one change."""
    include = os.path.join(work, 'include')
    shutil.rmtree(include, ignore_errors=True)
    shutil.copytree(os.path.join(SDK, 'include'), include)
    path = os.path.join(include, 'berth', 'storage.h')
    with open(path) as file:
        before = file.read()
    after = before.replace(pattern, text, 1)
    if after == before:
        sys.exit(f'the gate test finds no "{pattern}" in storage.h')
    with open(path, 'w') as file:
        file.write(after)
    return include


def gate(work):
    """Do the checks see what they are for?"""
    last = '    int32_t (*sync)(berth_inst *inst, berth_op *op, berth_error *err);'
    bogus = '    int32_t (*bogus)(void);'
    changes = {
        'an operation in the middle': ('    int32_t (*layer_abort)',
                                       bogus + '\n    int32_t (*layer_abort)'),
        'an operation at the end': (last, last + '\n' + bogus),
        'another argument type': ('uint32_t what, const char *id,', 'uint64_t what, const char *id,'),
        'a member in a request': ('    int32_t userns_fd;', '    int32_t new_fd;\n    int32_t userns_fd;'),
        'a constant': ('BERTH_STORAGE_QUOTA        8u', 'BERTH_STORAGE_QUOTA        16u'),
    }
    faults = []
    for what, (pattern, text) in changes.items():
        include = changed(work, pattern, text)
        seen = (bool(abidiff(work, include)), bool(layout(work, include)))
        if not any(seen):
            faults.append(f'neither check sees {what}')
    return '\n'.join(faults)


def main():
    include = os.path.join(SDK, 'include')
    with tempfile.TemporaryDirectory() as work:
        checks = {'abidiff': lambda: abidiff(work, include), 'layout': lambda: layout(work, include),
                  'gate': lambda: gate(work)}
        report = checks[sys.argv[1]]()
    if report:
        print(report)
        sys.exit('the ABI changed: only additions at the end of a table and new constants are '
                 'allowed, in a new minor (sdk/abi/freeze)')


if __name__ == '__main__':
    main()
