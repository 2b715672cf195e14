from __future__ import annotations

import textwrap

from seed_samples.extract import Language, extract

PAGE = textwrap.dedent("""\
    Une page

    REST

    Avant d'essayer, remplacez :

      • PROJECT_ID : l'ID de votre projet.
      • FILE_URI1 : un fichier.

    Corps JSON de la requête :

    {
      "contents": [{
        "parts": [{"text": "PROJECT_ID"}]
      }]
    }

    Choisissez une option :

    curl

    Enregistrez le corps dans request.json, puis exécutez :

    curl -X POST \\
    -H "Authorization: Bearer $(gcloud auth print-access-token)" \\
    -d @request.json \\
    "https://example.com/PROJECT_ID:stream"

    PowerShell

    $cred = gcloud auth print-access-token

    Python

    Suivez les instructions de configuration.

    import vertexai

    # PROJECT_ID = "your-project-id"
    print(vertexai.init(project=PROJECT_ID))
    # Example response:
    # Hello

    NodeJS

    const {VertexAI} = require('@google-cloud/vertexai');

    async function ask(projectId = 'PROJECT_ID') {
      const text = 'gs://bucket/file.png';
      return new VertexAI({project: projectId, text});
    }

    Java

    import com.google.cloud.vertexai.VertexAI;

    public class Ask {
      public static void main(String[] args) throws Exception {}
    }

    Go

    import (
    \t"io"
    )

    func ask(w io.Writer, projectID, model string) error {
    \treturn nil
    }

    C#

    public class Ask { }

    Python (OpenAI)

    import openai

    print(openai)

    Exemples

    Autre chose encore.
    """)


def test_each_language_is_found_in_order() -> None:
    assert [sample.language for sample in extract(PAGE)] == [
        Language.CURL, Language.PYTHON, Language.NODE, Language.JAVA, Language.GO, Language.PYTHON,
    ]  # fmt: skip


def test_code_is_verbatim_and_has_its_line() -> None:
    lines = PAGE.splitlines()

    for sample in extract(PAGE):
        code = sample.code.splitlines()
        assert lines[sample.line - 1 : sample.line - 1 + len(code)] == code


def test_code_ends_where_the_prose_begins() -> None:
    last_lines = [sample.code.splitlines()[-1] for sample in extract(PAGE)]

    assert last_lines == ['"https://example.com/PROJECT_ID:stream"', "# Hello", "}", "}", "}", "print(openai)"]


def test_curl_has_the_body_and_the_placeholders_of_its_page() -> None:
    curl = extract(PAGE)[0]

    assert curl.body.splitlines() == [
        "{", '  "contents": [{', '    "parts": [{"text": "PROJECT_ID"}]', "  }]", "}"
    ]  # fmt: skip
    assert curl.placeholders == ("PROJECT_ID", "FILE_URI1")


def test_what_a_sample_is_about() -> None:
    curl, python, node, *_ = extract(PAGE)

    assert (curl.streams, curl.has_media) == (True, False)
    assert (python.streams, python.has_media) == (False, False)
    assert (node.streams, node.has_media) == (False, True)


def test_outlines_are_marked() -> None:
    page = textwrap.dedent("""\
        curl

        curl -X POST \\

        https://example.com/${MODEL_ID}:generateContent \\
        -d '{
          "contents": [{
            ...
          }],
          ...
        }'

        Python

        model = GenerativeModel(MODEL_ID)
        response = model.generate_content([...], config)

        Liste des paramètres
        """)

    curl, python = extract(page)

    assert curl.outline
    assert curl.code.endswith("}'\n")
    assert python.outline
    assert python.code.endswith("config)\n")


def test_a_page_without_samples_has_none() -> None:
    assert extract("Python\n\nDe la prose seulement.\n\nGo\n") == []
