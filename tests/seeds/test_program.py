from __future__ import annotations

import pytest
from seed_samples.extract import Language, Sample
from seed_samples.program import NotAProgram, program
from seed_samples.values import VALUES, NoValue, filled, value_of


def sample(language: Language, code: str, **rest: object) -> Sample:
    return Sample(language=language, line=1, code=code, **rest)  # type: ignore[arg-type]


def test_python_gets_the_names_that_it_does_not_define() -> None:
    made = program(sample(Language.PYTHON, "import os\n\nfor x in []:\n    print(os, x, PROJECT_ID, location)\n"))

    assert made.files["sample.py"].startswith(
        "PROJECT_ID = 'sample-project'\nlocation = 'us-central1'\nimport os\n"
    )


def test_python_that_only_defines_is_called() -> None:
    made = program(
        sample(Language.PYTHON, "def ask(project_id: str, n: int = 1) -> str:\n    return project_id\n")
    )

    assert made.files["sample.py"].endswith("print(ask(project_id='sample-project'))\n")


def test_node_is_called_and_its_environment_filled() -> None:
    code = "const P = process.env.CAIP_PROJECT_ID;\nasync function ask(model, n = 1) {\n}\n"

    made = program(sample(Language.NODE, code))

    assert made.environment == {"CAIP_PROJECT_ID": "sample-project"}
    assert made.files["sample.cjs"].startswith(code)
    assert '\nask("gemini-1.5-flash-002").catch(' in made.files["sample.cjs"]


def test_node_that_calls_itself_is_left_alone() -> None:
    code = "async function ask() {\n}\nask();\n"

    assert program(sample(Language.NODE, code)).files == {"sample.cjs": code}


def test_java_is_named_after_its_class() -> None:
    code = "public class Ask {\n  public static void main(String[] args) {}\n}\n"

    assert program(sample(Language.JAVA, code)).files == {"Ask.java": code}


def test_java_without_a_main_is_no_program() -> None:
    with pytest.raises(NotAProgram):
        program(sample(Language.JAVA, "public class Ask {\n}\n"))


def test_go_becomes_a_package_with_a_main() -> None:
    code = 'import "io"\n\nfunc ask(w io.Writer, projectID, modelName string) error {\n\treturn nil\n}\n'

    made = program(sample(Language.GO, code))

    assert made.files["sample.go"] == "package main\n\n" + code
    assert 'err := ask(os.Stdout, "sample-project", "gemini-1.5-flash-002")' in made.files["call.go"]


def test_curl_has_the_placeholders_of_its_page_replaced() -> None:
    placeholders = ("LOCATION", "FILE_URI1")
    curl = sample(
        Language.CURL, 'curl "https://LOCATION-x/TEXT"', body='{"FILE_URI1": 1}', placeholders=placeholders
    )

    made = program(curl)

    assert made.files == {
        "sample.sh": 'curl "https://us-central1-x/TEXT"',
        "request.json": f'{{"{VALUES["FILE_URI"]}": 1}}',
    }


@pytest.mark.parametrize(
    "name", ["PROJECT_ID", "projectId", "projectID", "project_id", "CAIP_PROJECT_ID", "PROJECT_ID2"]
)
def test_a_name_is_known_in_every_spelling(name: str) -> None:
    assert value_of(name) == "sample-project"


def test_an_unknown_name_is_said() -> None:
    with pytest.raises(NoValue, match="CORPUS"):
        filled("CORPUS", ("CORPUS",))
