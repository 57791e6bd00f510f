#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Small enough to read: length of files and functions, parameters, nesting, documented headers.

A function is what stands between a brace in the first column and the next one (.clang-format puts
them there).
"""
import re

import source

FILE_LINES, FUNCTION_LINES, PARAMETERS, NESTING = 600, 60, 6, 4
RULES = ('file-lines', 'function-lines', 'parameters', 'nesting', 'undocumented')
NAME = re.compile(r'([A-Za-z_]\w*)\s*\($')


def signature(lines, brace):
    """(name, parameter count) of the function whose body opens on line index `brace`."""
    first = brace
    while first > 0 and lines[first - 1].strip() and not lines[first - 1].startswith(('}', '#')) \
            and not lines[first - 1].rstrip().endswith(';'):
        first -= 1
    text = ' '.join(line.strip() for line in lines[first:brace])
    for match in re.finditer(r'\b([A-Za-z_]\w*)\s*\(', text):
        if match.group(1).startswith('__') or match.group(1) == 'attribute':
            continue
        inside = source.call_text(text, match.end() - 1)[1:-1]
        return match.group(1), parameters(inside)
    return None, 0


def parameters(text):
    if text.strip() in ('', 'void'):
        return 0
    depth, count = 0, 1
    for char in text:
        depth += char in '([{'
        depth -= char in ')]}'
        count += char == ',' and depth == 0
    return count


def functions(path, text):
    lines = text.split('\n')
    start = None
    for i, line in enumerate(lines):
        if line == '{':
            start = i
        elif line.rstrip() in ('}', '};') and start is not None:
            name, count = signature(lines, start)
            if name:
                yield name, start + 1, i - start - 1, count, deepest(lines[start + 1:i])
            start = None


def deepest(body):
    """Depth of statement blocks; braces of initialisers do not count."""
    stack, deep = [], 0
    previous = ''
    for char in re.sub(r'\s+', ' ', '\n'.join(body)):
        if char == '{':
            stack.append(previous in ')oe' or previous == ':')   # `)`, do, else, case x:
            deep = max(deep, sum(stack))
        elif char == '}' and stack:
            stack.pop()
        if char != ' ':
            previous = char
    return deep


PROTOTYPE = re.compile(r'^(?!typedef|#|\s|struct \w+ \{|enum|union|extern "C"|static_assert|'
                       r'_Static_assert|return)[A-Za-z_][^;{}()=]*\b([A-Za-z_]\w*)\s*\(', re.M)


def undocumented(path, raw):
    """Prototypes and inline functions of a header that no comment stands right above of.

    Prototypes that follow each other without an empty line share the comment above the first. A
    static function's body stands right there; it needs a comment only if it is not plain.
    """
    text = source.strip(raw)
    raw_lines = raw.split('\n')
    depth_guard = re.sub(r'extern\s+"\s*"\s*\{', '            ', text)
    depth = 0
    depths = []
    for char in depth_guard:
        depths.append(depth)
        depth += char == '{'
        depth -= char == '}'
    documented_to = -1      # the last line of the prototype that had its comment
    for match in PROTOTYPE.finditer(text):
        name = match.group(1)
        if depths[match.start()] > 0 or name in ('__attribute__', 'defined', '_Static_assert'):
            continue
        if re.match(r'^(AUTO_|BERTH_DEFINE|DEFINE_|static )', match.group(0)):
            continue
        line = source.line_of(text, match.start())
        above = line - 2
        while above >= 0 and re.match(r'^\s*(__attribute__|BERTH_[A-Z_]+\s*$|BERTH_[A-Z_]+\()',
                                      raw_lines[above]):
            above -= 1
        if above >= 0 and raw_lines[above] == '};':      # its arguments: one comment for both
            while above > 0 and not re.match(r'(struct|enum|union|typedef) ', raw_lines[above]):
                above -= 1
            above -= 1
        end = source.line_of(text, text.find(';', match.start()))
        beside = raw_lines[end - 1].rstrip().endswith('*/')
        if beside or above >= 0 and (raw_lines[above].rstrip().endswith('*/')
                                     or above + 1 == documented_to):
            documented_to = end
        else:
            yield name, line


def main():
    allow = source.Allow()
    problems = list(allow.bad)

    def report(rule, path, line, name, text):
        if not allow.permits(rule, path, name):
            problems.append(f'{path}:{line}: {text}')

    for path in source.files('core/*.[ch]', 'plugins/*.[ch]', 'sdk/*.[ch]', 'tests/*.[ch]'):
        raw = source.read(path)
        count = raw.count('\n')
        if count > FILE_LINES:
            report('file-lines', path, 1, None, f'{count} lines, more than {FILE_LINES}')
        for name, line, size, params, nesting in functions(path, source.strip(raw)):
            if size > FUNCTION_LINES:
                report('function-lines', path, line, name,
                       f'{name} has {size} lines, more than {FUNCTION_LINES}')
            if params > PARAMETERS:
                report('parameters', path, line, name,
                       f'{name} has {params} parameters, more than {PARAMETERS}')
            if nesting > NESTING:
                report('nesting', path, line, name,
                       f'{name} nests {nesting} deep, more than {NESTING}')
        if path.endswith('.h'):
            for name, line in undocumented(path, raw):
                report('undocumented', path, line, name, f'{name} is declared without a comment')
    source.finish(problems + allow.stale(RULES), 'budgets')


main()
