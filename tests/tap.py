# SPDX-License-Identifier: Apache-2.0
"""Runs tests and says how they went in the Test Anything Protocol.

    @test
    def test_one_thing():
        assert ...

    if __name__ == '__main__':
        main()
"""

import signal
import sys
import traceback


class Skip(Exception):
    """Raised in a test: it cannot be run here; the text says why."""


_tests = []


def add_test(name, function):
    """Registers one test under a name of its own."""
    _tests.append((name, function))


def test(function):
    """Decorator: registers a test; its name is the function's, with spaces."""
    _tests.append((function.__name__.removeprefix('test_').replace('_', ' '), function))
    return function


def test_each(*cases):
    """Decorator: registers one test for each tuple of arguments."""
    def register(function):
        base = function.__name__.removeprefix('test_').replace('_', ' ')
        for case in cases:
            shown = ', '.join(' '.join(str(value).split()) for value in case)
            _tests.append((f'{base} [{shown}]', lambda case=case: function(*case)))
        return function
    return register


def diagnostic(text):
    return '\n'.join(f'#   {line}' for line in text.rstrip().splitlines())


def _run_one(number, name, function):
    try:
        function()
    except Skip as reason:
        print(f'ok {number} - {name} # SKIP {reason}')
        return True
    except Exception:  # whatever it is, the other tests still run
        print(f'not ok {number} - {name}\n{diagnostic(traceback.format_exc())}')
        return False
    print(f'ok {number} - {name}')
    return True


def main(arguments=None):
    """Runs the registered tests, or those whose names contain one of the arguments, and exits."""
    wanted = sys.argv[1:] if arguments is None else arguments
    chosen = [(name, f) for name, f in _tests if not wanted or any(word in name for word in wanted)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers are stopped at exit
    sys.stdout.reconfigure(line_buffering=True, errors='backslashreplace')
    if not chosen:
        print('Bail out! no test to run')
        sys.exit(1)
    print(f'1..{len(chosen)}')
    results = [_run_one(number, name, f) for number, (name, f) in enumerate(chosen, 1)]
    sys.exit(0 if all(results) else 1)
