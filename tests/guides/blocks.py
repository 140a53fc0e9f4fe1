# SPDX-License-Identifier: Apache-2.0
"""What a guide tells its reader to do, in order.

A fenced block is one of three things, told by the word after its fence:

    sh        commands, all of which must succeed
    console   "$ command", and below it what it prints; "..." is whatever may vary, a line of it any number of lines
    any other the content of the file that the paragraph before it names: it begins with `/a/path` and ends with a colon

Every block is one of these: one that is not is an error, so that nothing in a guide goes untried.
"""

import dataclasses
import re

FENCE = re.compile(r'^(\s*)```(.*)$')
NAMED_FILE = re.compile(r'^`(/[^`\s]+)`.*:$')
FILE_WORDS = ('apache', 'json', 'text')


class BadGuide(Exception):
    """The guide has a block that a reader could not use."""


@dataclasses.dataclass
class Block:
    kind: str  # 'sh', 'console' or 'file'
    line: int
    text: str
    path: str = ''  # of a file


@dataclasses.dataclass
class Command:
    line: int
    text: str
    output: list


def parse(text):
    """The blocks of one guide."""
    found, body, start, word, before = [], None, 0, '', ''
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if body is None and fence:
            if fence[1]:
                raise BadGuide(f'line {number}: a block that is indented')
            body, start, word = [], number, fence[2].strip()
        elif body is None:
            before = line.strip() or before
        elif fence and not fence[2]:
            found.append(_block(word, start, '\n'.join(body) + '\n', before))
            body, before = None, ''
        else:
            body.append(line)
    if body is not None:
        raise BadGuide(f'line {start}: a block without an end')
    if not found:
        raise BadGuide('no block')
    return found


def _block(word, line, text, before):
    if not text.strip():
        raise BadGuide(f'line {line}: an empty block')
    if word in ('sh', 'console'):
        return Block(word, line, text)
    named = NAMED_FILE.match(before)
    if word not in FILE_WORDS or not named:
        raise BadGuide(f'line {line}: "{word}" is neither sh nor console nor a file that the line before it names')
    return Block('file', line, text, named[1])


def commands(block):
    """The commands of a console block, each with the lines that it prints."""
    found, continued = [], False
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if continued:
            found[-1].text += '\n' + line
        elif line.startswith('$ '):
            found.append(Command(number, line[2:], []))
        elif not found:
            raise BadGuide(f'line {number}: output before the first "$ command"')
        else:
            found[-1].output.append(line)
            continue
        continued = line.endswith('\\')
    return found


def differs(wanted, printed):
    """Why what was printed is not what the guide shows; None where it is."""
    got = [line.rstrip() for line in printed.replace('\r', '').rstrip('\n').split('\n')] if printed.strip() else []
    pattern = ''.join('(?:.*\n)*' if line.strip() == '...' else
                      '.*'.join(re.escape(part) for part in line.rstrip().split('...')) + '\n' for line in wanted)
    if re.fullmatch(pattern, ''.join(f'{line}\n' for line in got)):
        return None
    return '\n'.join(['shown:', *wanted, 'printed:', *got])
