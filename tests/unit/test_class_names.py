"""A class name stands for one thing in the whole package, so a reader finds it by its name."""

import ast
from collections import defaultdict
from pathlib import Path

import fowergram_db


def test_each_class_name_stands_for_one_class():
    places = defaultdict(list)
    for path in Path(fowergram_db.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ClassDef):
                places[node.name.lstrip("_")].append(f"{path.parent.name}/{path.name}")
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
