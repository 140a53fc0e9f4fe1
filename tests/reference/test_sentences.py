#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The sentences of the language that speak of decisions, and the order of its reasons: asked of the reference, and of
the engine where it is built."""

import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True  # the source tree may be read-only
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cases  # noqa: E402
import comparison  # noqa: E402
import order  # noqa: E402
import sentences  # noqa: E402
from tap import Skip, add_test, main, test  # noqa: E402

ROWS = [sentences.row(*written) for written in sentences.SENTENCES] + [sentences.row(*pair) for pair in order.PAIRS]


def check(row, said):
    found = {key: said[key] for key in row.expected}
    assert found == row.expected, f'{row.expected} where {said} was said, for\n{row.document}\n{row.case}'


def reference_says(row):
    check(row, dict(zip(comparison.FIELDS, comparison.fields_of(cases.decide(row.document, row.case)))))


for _row in ROWS:
    add_test(_row.sentence, lambda row=_row: reference_says(row))


@test
def test_each_pair_is_of_neighbours():
    """Every reason of the order has a row where it is said, and a pair in which it is the first."""
    expected = {row.expected['reason'] for row in ROWS}
    missing = [reason for reason in order.ORDER if reason.split(' ')[0] not in expected]
    assert not missing, missing
    first = [pair[0].split(' before ')[0] for pair in order.PAIRS[:-1]]
    assert first == [reason for reason in order.ORDER[:-1] if reason not in order.WITHOUT_NEXT], first


@test
def test_the_engine_says_so_too():
    if not comparison.is_built():
        raise Skip('the engine is not built')
    wrong = []
    with tempfile.TemporaryDirectory(prefix='mtls-sentences-') as folder:
        minted = comparison.Minted(folder)
        for row in ROWS:
            compiled, said = minted.compile(row.document)
            if compiled is None:
                wrong.append(f'{row.sentence}: does not compile: {said}')
                continue
            answer = comparison.ask_engine(minted, compiled, [row.case])[0]
            wanted = comparison.fields_of(cases.decide(row.document, row.case))
            if answer != wanted:
                wrong.append(f'{row.sentence}: engine {answer}, reference {wanted}, for\n{row.document}\n{row.case}')
    assert not wrong, f'{len(wrong)} of {len(ROWS)}:\n' + '\n'.join(wrong)


if __name__ == '__main__':
    main()
