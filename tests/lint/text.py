#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whitespace, licence lines, a word on what each file is for, and words that must not appear."""
import re

import source

LICENSED = re.compile(r'\.(c|h|py|sh|build)$|^(tests/run|\.ci/run|core/quickstart|tests/.*/run)$')
PURPOSE = re.compile(r'\.(c|h)$')
BINARY = re.compile(r'\.(tar|gz|zst|bin|png|der|db)$|/corpus/|/golden/|sdk/abi/')
TABS = re.compile(r'\.(c|h|py|sh|build|txt)$')
# Left over from work, or true only on one machine.
WORDS = [(r'\b(TODO|FIXME|XXX|HACK)\b', 'unfinished work: do it or open an issue'),
         (r'/(home/\w+|work|root)/\w', 'a path of one machine'),
         (r'<<<<<<<|>>>>>>>', 'a merge conflict')]


def main():
    allow = source.Allow()
    problems = []
    for path in source.files():
        if BINARY.search(path):
            continue
        try:
            text = source.read(path)
        except UnicodeDecodeError:
            problems.append(f'{path}: not UTF-8')
            continue
        if not text:
            continue
        head = text[:400]
        if LICENSED.search(path) and path.count('meson.build') == 0 \
                and 'SPDX-License-Identifier: Apache-2.0' not in head:
            problems.append(f'{path}:1: no SPDX-License-Identifier: Apache-2.0')
        if PURPOSE.search(path) and not re.match(
                r'/\* SPDX-License-Identifier: Apache-2.0( \*/\n(#.*\n|\n)*/\*|\n \*)', head):
            problems.append(f'{path}:2: no comment saying what the file is for')
        if not text.endswith('\n') or text.endswith('\n\n'):
            problems.append(f'{path}: must end with one newline')
        for number, line in enumerate(text.split('\n'), 1):
            if line != line.rstrip():
                problems.append(f'{path}:{number}: trailing space')
            if '\t' in line and TABS.search(path) and path != 'LICENSE':
                problems.append(f'{path}:{number}: tab')
            for word, why in WORDS:
                if re.search(word, line) and path not in ('LICENSE', 'tests/lint/text.py') \
                        and not (path.startswith('tests/e2e/') and 'path' in why) \
                        and not allow.permits('word', path):
                    problems.append(f'{path}:{number}: {why}')
    source.finish(problems + allow.stale(['word']), 'text')


main()
