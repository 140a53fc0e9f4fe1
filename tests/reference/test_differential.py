#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Engine, reference interpreter and command line over generated policies, certificates and requests: all three
must give the same decision, reason, rule, route, identity, issuer and condition. And a compiled policy holds a source
that makes the same bytes.

    test_differential.py [--seed N] [--triples N]     (environment: MTLS_TRIPLES, default 20000; MTLS_SEED)

The cases in kept/ come first. A disagreement is made as small as it can be and written there, or into the folder
MTLS_KEEP names, so that it is asked again in every later run.
"""

import argparse
import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True  # the source tree may be read-only
import cases  # noqa: E402
import generate  # noqa: E402
import shrink  # noqa: E402
from comparison import FIELDS, Minted, ask_engine, ask_tool, fields_of, tool_can_ask  # noqa: E402

KEPT = Path(__file__).resolve().parent / 'kept'
SHOWN = 10  # mismatches printed in full
SHRUNK = 3  # mismatches made small


def expectation(document, case):
    return fields_of(cases.decide(document, case))


class Comparison:
    def __init__(self, minted, threads, keep):
        self.minted, self.threads, self.keep = minted, threads, keep
        self.triples = self.tool_answers = self.mismatches = self.kept = self.sources = self.shrunk = 0
        self.reasons = {}

    def report(self, where, who, case, got, expected):
        self.mismatches += 1
        if self.mismatches <= SHOWN:
            print(f'# {where} {who}: {case}\n#   got      {got}\n#   expected {expected}', flush=True)

    def disagree(self, document, case):
        """Whether the engine says something else of this policy and request than the reference."""
        try:
            expected = expectation(document, case)
            compiled, _ = self.minted.compile(document, 'smaller')
            return compiled is not None and ask_engine(self.minted, compiled, [case]) != [expected]
        except (LookupError, RuntimeError, TypeError, ValueError):
            return False  # what is left is no policy, or does not have what a Require line names

    def make_small(self, where, document, case):
        if self.shrunk == SHRUNK:
            return
        self.shrunk += 1
        document, case = shrink.shrunk(document, case, self.disagree)
        compiled, _ = self.minted.compile(document, 'smallest')
        got, expected = ask_engine(self.minted, compiled, [case]), expectation(document, case)
        path = self.keep / f'{where.replace(" ", "-")}.json'
        try:
            self.keep.mkdir(exist_ok=True)
            shrink.write(path, document, case, f'engine {got[0]}, reference {expected}')
        except OSError as error:
            print(f'# cannot keep {path}: {error}')
        print(f'# smallest of {where}: {json.dumps(document)}\n#   {case}\n'
              f'#   got      {got[0]}\n#   expected {expected}', flush=True)

    def compare(self, where, document, made):
        """Asks all three; returns what the reference says."""
        expected = [expectation(document, case) for case in made]
        compiled, said = self.minted.compile(document)
        if compiled is None:
            self.report(where, 'compile', None, said, 'a policy without errors')
            return expected
        self.sources += 1
        if (wrong := self.minted.compile_again(compiled)) is not None:
            self.report(where, 'show --source', None, wrong, 'the same bytes')
        small = False
        for case, got, wanted in zip(made, ask_engine(self.minted, compiled, made), expected, strict=True):
            self.triples += 1
            if got != wanted:
                self.report(where, 'engine', case, got, wanted)
                if not small:
                    self.make_small(where, document, case)
                small = True
        askable = [(case, wanted) for case, wanted in zip(made, expected) if tool_can_ask(case)]
        answers = self.threads.map(lambda pair: ask_tool(self.minted, compiled, pair[0]), askable)
        for (case, wanted), got in zip(askable, answers):
            self.tool_answers += 1
            if got != wanted:
                self.report(where, 'tool', case, got, wanted)
        return expected

    def replay(self, path):
        read = json.loads(path.read_text())
        made = [cases.Case.from_json(case) for case in read['cases']]
        for case, written, said in zip(read['cases'], made, self.compare(f'kept {path.name}', read['policy'], made)):
            self.kept += 1
            if 'expected' in case and tuple(case['expected'].get(field) for field in FIELDS) != said:
                self.report(f'kept {path.name}', 'reference', written, said, case['expected'])

    def generated(self, seed, triples):
        enough = self.triples + triples
        for number, (document, made) in enumerate(generate.triples(seed, triples)):  # more policies than are needed
            if self.triples >= enough or self.mismatches > 20 * SHOWN:
                break
            for wanted in self.compare(f'seed {seed} policy {number}', document, made):
                self.reasons[wanted[1]] = self.reasons.get(wanted[1], 0) + 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int, default=int(os.environ.get('MTLS_SEED', 1)))
    parser.add_argument('--triples', type=int, default=int(os.environ.get('MTLS_TRIPLES', 20000)))
    arguments = parser.parse_args()
    print(f'# seed {arguments.seed}', flush=True)
    with tempfile.TemporaryDirectory(prefix='mtls-differential-') as folder:
        with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
            comparison = Comparison(Minted(folder), threads, Path(os.environ.get('MTLS_KEEP') or KEPT))
            for path in sorted(KEPT.glob('*.json')):
                comparison.replay(path)
            comparison.generated(arguments.seed, arguments.triples)
    told = comparison.tool_answers
    print(f'# seed {arguments.seed}: {comparison.triples} triples, {comparison.kept} of them kept, {told} asked of the tool; '
          f'{comparison.sources} sources compiled again')
    print(f'# {dict(sorted(comparison.reasons.items()))}')
    good = comparison.mismatches == 0
    enough = comparison.triples >= arguments.triples and told > comparison.triples // 2 and comparison.kept > 0
    varied = len(comparison.reasons) > 25
    print(f'{"ok" if good else "not ok"} 1 - engine, reference and tool agree')
    print(f'{"ok" if enough else "not ok"} 2 - enough triples were compared')
    print(f'{"ok" if varied else "not ok"} 3 - the triples are varied\n1..3')
    return 0 if good and enough and varied else 1


if __name__ == '__main__':
    sys.exit(main())
