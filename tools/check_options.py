#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fails where header, code and guide do not agree about options and their defaults.

Every field of a yodel_*_options struct stands in the guide; those of the structs in TABLES in a table row of the
chapter on operating.  A number that the header gives as default ("0: 25000", "0: 1 MiB") is the one that the code
sets by DEFAULT(field, value), and stands in the guide's row."""

import re

import tree

CHAPTER = "docs/guide/14-operating.md"
TABLES = {  # struct: the layer whose DEFAULT() lines are about it
    "yodel_server_options": "src/server",
    "yodel_ws_options": "",
    "yodel_sio_options": "src/sio",
}
NOT_OPTIONS = {"size", "hooks_user"}
STRUCT = re.compile(r"typedef struct (yodel_\w*options) \{(.*?)^\} \1;", re.S | re.M)
FIELD = re.compile(r"^    (?:\w[^;/]*?)[\s*](\w+);(?:[ \n]*/\*(.*?)\*/)?", re.S | re.M)
DEFAULT = re.compile(r"\b0: (\d+)(?: (KiB|MiB))?")
SET = re.compile(r"^\s+DEFAULT\((\w+), ([\d* ]+)\);", re.M)
ROW = re.compile(r"^\|((?: `\w+`,?)+)[^|]*\|(.*)$", re.M)
NUMBER = re.compile(r"(\d+)(?: (KiB|MiB|s)\b)?")
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "s": 1000, None: 1, "": 1}


def header_fields(top):
    """struct -> {field: its default in the header, or nothing}."""
    structs = {}
    for path in tree.files(top, ["include/yodel"], [".h"]):
        for name, body in STRUCT.findall(tree.read(top, path)):
            body = re.sub(r"^    /\*.*?\*/$", "", body, flags=re.S | re.M)  # what stands before a field
            fields = structs.setdefault(name, {})
            for field, comment in FIELD.findall(body):
                number = DEFAULT.search(comment)
                fields[field] = int(number[1]) * UNITS[number[2]] if number else None
    return structs


def code_defaults(top, folder):
    """field -> the number that the code sets."""
    found = {}
    for path in tree.files(top, [folder], [".c"]) if folder else []:
        for field, value in SET.findall(tree.read(top, path)):
            found[field] = 1
            for factor in value.split("*"):
                found[field] *= int(factor)
    return found


def guide_rows(text):
    """For each chapter section that names a struct: field -> the numbers of its row."""
    rows = {}
    name = ""
    for section in re.split(r"^## ", text, flags=re.M):
        struct = re.search(r"`(yodel_\w*options)`", section)
        name = struct[1] if struct else ""
        for names, rest in ROW.findall(section) if name else []:
            numbers = {int(number) * UNITS[unit] for number, unit in NUMBER.findall(rest)}
            for field in re.findall(r"\w+", names):
                rows.setdefault(name, {})[field] = numbers
    return rows


def check_struct(name, fields, code, rows):
    """The problems of one struct that has a table."""
    for field, value in fields.items():
        if field in NOT_OPTIONS:
            continue
        if field not in rows:
            yield f"{CHAPTER}: {field} of {name} has no row"
        elif value is not None and value not in rows[field]:
            yield f"{CHAPTER}: the row of {field} of {name} lacks its default, {value}"
        if code and code.get(field) != value:
            yield f"{name}.{field}: the header says {value}, the code {code.get(field)}"
    for field in rows.keys() - fields.keys():
        yield f"{CHAPTER}: {name} has no {field}"


def main():
    """Check all structs."""
    top = tree.root()
    structs = header_fields(top)
    guide = "\n".join(tree.read(top, path) for path in tree.files(top, ["docs/guide"], [".md"]))
    rows = guide_rows(tree.read(top, CHAPTER))
    problems, num = [], 0
    for name, fields in structs.items():
        num += len(fields)
        if name in TABLES:
            problems += check_struct(name, fields, code_defaults(top, TABLES[name]), rows.get(name, {}))
            continue
        for field in fields.keys() - NOT_OPTIONS:
            if not re.search(rf"[`.]{field}\b", guide):
                problems.append(f"docs/guide: nothing about {field} of {name}")
    problems += [f"no struct {name}" for name in TABLES.keys() - structs.keys()]
    tree.finish(sorted(problems), f"options ok: {len(structs)} structs, {num} fields")


if __name__ == "__main__":
    main()
