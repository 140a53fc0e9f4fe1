# SPDX-License-Identifier: Apache-2.0
"""Makes a policy and a request on which two disagree as small as it can be while they still do.

Greedy: whatever can be left out is left out, until nothing more can. `disagree(document, case)` says whether a
smaller one still shows the disagreement; it must say no for a policy that does not compile.
"""

import copy
import json
from dataclasses import replace

TABLES = ("rules", "routes", "identities", "groups", "issuers")


def without_name(document: dict, table: str, name: str) -> dict:
    """The document without one definition and without what refers to it."""
    made = copy.deepcopy(document)
    del made[table][name]
    gone = {"groups": {f"@{name}"}, "issuers": {f"issuer:{name}"}}.get(table, {name})
    for rule in made.get("rules", {}).values():
        for key in ("subjects", "acknowledge", "routes"):
            if key in rule and (key == "routes") == (table == "routes"):
                rule[key] = [member for member in rule[key] if member not in gone]
    for group, members in made.get("groups", {}).items():
        if table != "routes":
            made["groups"][group] = [member for member in members if member not in gone]
    return made


def without_member(document: dict, table: str, name: str, key: str) -> list:
    """The document without one optional key, and without each member of a list."""
    found = []
    made = copy.deepcopy(document)
    del made[table][name][key]
    found.append(made)
    value = document[table][name][key]
    if isinstance(value, (list, dict)) and len(value) > 1:
        for part in list(value) if isinstance(value, dict) else range(len(value)):
            made = copy.deepcopy(document)
            del made[table][name][key][part]
            found.append(made)
    return found


def smaller_documents(document: dict):
    for table in TABLES:
        for name in document.get(table, {}):
            yield without_name(document, table, name)
    for key in ("valid_until", "serial", "environment", "production"):
        if key in document:
            yield {other: value for other, value in document.items() if other != key}
    for group, members in document.get("groups", {}).items():
        for number in range(len(members)):
            made = copy.deepcopy(document)
            del made["groups"][group][number]
            yield made
    for table in ("rules", "routes", "identities", "issuers"):
        for name, definition in document.get(table, {}).items():
            for key in definition:
                yield from without_member(document, table, name, key)


def smaller_cases(case):
    request = case.request
    for number in range(len(request.headers)):
        yield replace(case, request=replace(request, headers=request.headers[:number] + request.headers[number + 1:]))
    if request.user is not None:
        yield replace(case, request=replace(request, user=None))
    if b"?" in request.target:
        yield replace(case, request=replace(request, target=request.target.partition(b"?")[0]))
    for number in range(len(case.require)):
        yield replace(case, require=case.require[:number] + case.require[number + 1:])
    for number, line in enumerate(case.require):
        for at in range(len(line) if len(line) > 1 else 0):
            smaller = line[:at] + line[at + 1:]
            yield replace(case, require=case.require[:number] + (smaller,) + case.require[number + 1:])
    if case.address != "10.1.2.3":
        yield replace(case, address="10.1.2.3")


def shrunk(document: dict, case, disagree, most_tries: int = 2000) -> tuple:
    tries = 0
    again = True
    while again and tries < most_tries:
        again = False
        for smaller in smaller_documents(document):
            tries += 1
            if disagree(smaller, case):
                document, again = smaller, True
                break
            if tries >= most_tries:
                return document, case
        for simpler in smaller_cases(case):
            if disagree(document, simpler):
                case, again = simpler, True
                break
    return document, case


def write(path, document: dict, case, why: str):
    kept = {"why": why, "policy": document, "cases": [case.as_json()]}
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=True) + "\n")
