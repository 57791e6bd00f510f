# SPDX-License-Identifier: Apache-2.0
"""What the lints share: the list of files, C text without comments, the allow-list."""
import fnmatch
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def files(*patterns):
    """Every file of the work tree that git knows or would add, matching one of the patterns."""
    out = subprocess.run(['git', '-c', 'safe.directory=*', '-C', TOP, 'ls-files', '-co',
                          '--exclude-standard', '-z'], capture_output=True, check=False)
    if out.returncode == 0:
        names = [n for n in out.stdout.decode().split('\0') if n]
    else:  # a release tarball has no .git
        names = [os.path.relpath(os.path.join(d, f), TOP) for d, subdirs, fs in os.walk(TOP)
                 for f in fs if not os.path.relpath(d, TOP).startswith(('build', '.git/'))]
    return sorted(n for n in set(names) if os.path.isfile(os.path.join(TOP, n))
                  and (not patterns or any(fnmatch.fnmatch(n, p) for p in patterns)))


def read(name):
    with open(os.path.join(TOP, name), encoding='utf-8') as file:
        return file.read()


_TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def strip(text, keep_strings=False):
    """C text with comments (and strings) blanked; line numbers stay."""
    def blank(match):
        token = match.group(0)
        if token[0] in '"\'':
            return token if keep_strings else token[0] + ' ' * (len(token) - 2) + token[0]
        return re.sub(r'[^\n]', ' ', token)
    return _TOKEN.sub(blank, text)


def line_of(text, offset):
    return text.count('\n', 0, offset) + 1


def call_text(text, open_paren):
    """From an opening parenthesis to the one that closes it."""
    depth = 0
    for i in range(open_paren, len(text)):
        if text[i] == '(':
            depth += 1
        elif text[i] == ')':
            depth -= 1
            if depth == 0:
                return text[open_paren:i + 1]
    return text[open_paren:]


class Allow:
    """tests/lint/allow.txt: `rule path[:name] reason`, one exception a line, each with its reason."""

    def __init__(self):
        self.entries = {}
        self.used = set()
        self.bad = []
        for number, line in enumerate(read('tests/lint/allow.txt').splitlines(), 1):
            if not line.strip() or line.startswith('#'):
                continue
            fields = line.split(None, 2)
            if len(fields) < 3 or len(fields[2]) < 10:
                self.bad.append(f'tests/lint/allow.txt:{number}: no reason given: {line}')
                continue
            self.entries[(fields[0], fields[1])] = number

    def permits(self, rule, path, name=None):
        for key in ((rule, path), (rule, f'{path}:{name}')):
            if key in self.entries:
                self.used.add(key)
                return True
        return False

    def stale(self, rules):
        return [f'tests/lint/allow.txt:{n}: "{k[0]} {k[1]}" allows what no longer happens: delete it'
                for k, n in self.entries.items() if k[0] in rules and k not in self.used]


def finish(problems, what):
    for problem in problems:
        print(problem)
    print(f'{what}: {len(problems)} problem(s)' if problems else f'{what}: ok')
    sys.exit(1 if problems else 0)
