"""Makes a program of a sample: the code as it is, and around it what calls it and fills in its variables. Pure."""

from __future__ import annotations

import ast
import builtins
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from seed_samples.extract import Language, Sample
from seed_samples.values import filled, value_of


@dataclass(frozen=True, slots=True)
class Program:
    """``files`` by name, of which ``main`` is the one to start; ``environment`` is to be added."""

    main: str
    files: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)


class NotAProgram(Exception):
    """Nothing in the sample can be called; the message says what is missing."""


def program(sample: Sample) -> Program:
    """Raises NotAProgram and NoValue."""
    match sample.language:
        case Language.PYTHON:
            return _python(sample.code)
        case Language.NODE:
            return _node(sample.code)
        case Language.JAVA:
            return _java(sample.code)
        case Language.GO:
            return _go(sample.code)
        case Language.CURL:
            return _curl(sample)
        case _:
            assert_never(sample.language)


def _curl(sample: Sample) -> Program:
    files = {"sample.sh": filled(sample.code, sample.placeholders)}
    if sample.body:
        files["request.json"] = filled(sample.body, sample.placeholders)
    return Program("sample.sh", files)


def _python(code: str) -> Program:
    tree = ast.parse(code)
    given = "".join(f"{name} = {value_of(name)!r}\n" for name in _undefined(tree))
    return Program("sample.py", {"sample.py": given + code + _python_call(tree)})


def _undefined(tree: ast.Module) -> Iterator[str]:
    """The names that the reader is to define, in the order of their first use."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    defined = {name.id for name in names if not isinstance(name.ctx, ast.Load)} | set(dir(builtins))
    for node in ast.walk(tree):
        match node:
            case ast.alias():
                defined.add((node.asname or node.name).split(".")[0])
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                defined.add(node.name)
            case ast.arg():
                defined.add(node.arg)
            case ast.ExceptHandler() if node.name:
                defined.add(node.name)
    return iter(dict.fromkeys(name.id for name in names if name.id not in defined))


def _python_call(tree: ast.Module) -> str:
    """A call of the last function, where the sample only defines things."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    passive = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
    if not functions or not all(isinstance(node, passive) for node in tree.body):
        return ""
    last = functions[-1]
    required = last.args.args[: len(last.args.args) - len(last.args.defaults)]
    arguments = ", ".join(f"{arg.arg}={value_of(arg.arg)!r}" for arg in required)
    return f"\n\nprint({last.name}({arguments}))\n"


def _node(code: str) -> Program:
    environment = {name: value_of(name) for name in re.findall(r"process\.env\.(\w+)", code)}
    functions = re.findall(r"^(?:async )?function (\w+)\(([^{]*)\) \{", code, re.M)
    if functions and not re.search(rf"^(?:await )?{functions[-1][0]}\(", code, re.M):
        name, parameters = functions[-1]
        arguments = ", ".join(json.dumps(value_of(one)) for one in _required(parameters))
        code += f"\n{name}({arguments}).catch((error) => {{\n  console.error(error);\n  process.exit(1);\n}});\n"
    main = "sample.mjs" if re.search(r"^import ", code, re.M) else "sample.cjs"
    return Program(main, {main: code}, environment)


def _required(parameters: str) -> list[str]:
    """The parameters without a default, which come first."""
    listed = [one.strip() for one in parameters.split(",") if one.strip()]
    return [one for one in listed if "=" not in one]


def _java(code: str) -> Program:
    found = re.search(r"public class (\w+)", code)
    if found is None or "public static void main(" not in code:
        raise NotAProgram("no public class with a main")
    main = f"{found[1]}.java"
    return Program(main, {main: code})


def _go(code: str) -> Program:
    found = re.findall(r"^func (\w+)\(([^)]*)\)", code, re.M)
    if not found:
        raise NotAProgram("no function")
    name, parameters = found[-1]
    head = "" if code.startswith("package ") else "package main\n\n"
    if name == "main":
        return Program("sample.go", {"sample.go": head + code})
    arguments = ", ".join(_go_argument(one) for one in parameters.split(","))
    call = (
        'package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n\n'
        f"func main() {{\n\tif err := {name}({arguments}); err != nil {{\n"
        "\t\tfmt.Fprintln(os.Stderr, err)\n\t\tos.Exit(1)\n\t}\n}\n"
    )
    return Program("sample.go", {"sample.go": head + code, "call.go": call})


def _go_argument(parameter: str) -> str:
    """Several parameters may share a type, which only the last of them names."""
    name, _, kind = parameter.strip().partition(" ")
    return "os.Stdout" if kind == "io.Writer" else json.dumps(value_of(name))
