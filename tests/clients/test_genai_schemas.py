"""google-genai's schemas: whatever Python types ask for, the answer comes back parsed to them."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator
from typing import Any, Literal, Protocol

import pytest
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials
from pydantic import BaseModel, Field

MODEL = "gemini-2.5-flash"
JSON = "application/json"

# The client subclasses aiohttp's session, which aiohttp discourages.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")


class HasUrl(Protocol):
    url: str


class Kind(enum.Enum):
    BREAD = "bread"
    CAKE = "cake"


class Ingredient(BaseModel):
    name: str
    grams: float
    organic: bool | None = None


class Recipe(BaseModel):
    title: str
    kind: Kind
    difficulty: Literal["easy", "hard"]
    servings: int = Field(ge=2, le=8)
    ingredients: list[Ingredient] = Field(min_length=1, max_length=3)
    author: Ingredient | None


INGREDIENT = {"name": "1", "grams": 1}
RECIPE = {
    "title": "1",
    "kind": "bread",
    "difficulty": "easy",
    "servings": 2,
    "ingredients": [INGREDIENT],
    "author": None,
}


def client_of(server: HasUrl, mode: str = "vertex") -> genai.Client:
    options = types.HttpOptions(base_url=server.url)
    if mode == "developer":
        return genai.Client(api_key="any", http_options=options)
    credentials = Credentials("any token")  # type: ignore[no-untyped-call]
    return genai.Client(
        vertexai=True, project="p", location="us-central1", credentials=credentials, http_options=options
    )


@pytest.fixture(params=["vertex", "developer"])
def client(tools: HasUrl, request: pytest.FixtureRequest) -> Iterator[genai.Client]:
    with client_of(tools, request.param) as client:
        yield client


@pytest.fixture
def embedded_client(embedded: HasUrl) -> Iterator[genai.Client]:
    with client_of(embedded) as client:
        yield client


def config(schema: Any = None, mime_type: str = JSON, **more: Any) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(response_mime_type=mime_type, response_schema=schema, **more)


def answer(client: genai.Client, asked: types.GenerateContentConfig) -> types.GenerateContentResponse:
    return client.models.generate_content(model=MODEL, contents="A recipe for bread.", config=asked)


@pytest.mark.parametrize(
    ("schema", "parsed"),
    [
        pytest.param(Recipe, Recipe.model_validate(RECIPE), id="a model within a model"),
        pytest.param(list[Kind], [Kind.BREAD], id="a list of an Enum"),
        pytest.param(list[str], ["1"], id="a list"),
        pytest.param(list[Recipe], [], id="a list of models"),
        pytest.param(Kind, Kind.BREAD, id="an Enum"),
        pytest.param(Literal["yes", "no"], "no", id="a Literal"),
        pytest.param(Ingredient | None, None, id="an Optional"),
        pytest.param(Recipe | Ingredient, Ingredient.model_validate(INGREDIENT), id="a Union"),
        pytest.param(int, 1, id="a number"),
    ],
)
def test_an_answer_is_parsed_to_the_type_that_was_asked_for(
    client: genai.Client, schema: Any, parsed: Any
) -> None:
    assert answer(client, config(schema)).parsed == parsed


def test_properties_come_as_the_model_declares_them(client: genai.Client) -> None:
    assert list(json.loads(answer(client, config(Recipe)).text or "")) == list(Recipe.model_fields)


def test_gemini_1_5_keeps_that_order_too(client: genai.Client) -> None:
    said = client.models.generate_content(model="gemini-1.5-flash", contents="Bread", config=config(Recipe))

    assert list(json.loads(said.text or "")) == list(Recipe.model_fields)


def test_a_dictionary_of_numbers(tools: HasUrl) -> None:
    """The client refuses additionalProperties itself in its Developer API mode."""
    with client_of(tools) as client:
        assert answer(client, config(dict[str, int])).parsed == {"1": 1}


@pytest.mark.parametrize("schema", [Kind, {"type": "STRING", "enum": ["bread", "cake"]}])
def test_an_enum_without_quotes(client: genai.Client, schema: Any) -> None:
    assert answer(client, config(schema, "text/x.enum")).text == "bread"


def test_a_json_schema_of_pydantic(client: genai.Client) -> None:
    """It has $defs, $ref, and anyOf with null."""
    said = answer(client, config(response_json_schema=Recipe.model_json_schema()))

    assert said.parsed == RECIPE


def test_json_without_a_schema(client: genai.Client) -> None:
    assert json.loads(answer(client, config()).text or "")


def test_a_stream_adds_up_to_the_model(client: genai.Client) -> None:
    chunks = client.models.generate_content_stream(model=MODEL, contents="Bread", config=config(Recipe))

    texts = [chunk.text or "" for chunk in chunks]
    assert len(texts) > 10
    assert Recipe.model_validate_json("".join(texts)) == Recipe.model_validate(RECIPE)


async def test_an_async_answer_is_parsed(client: genai.Client) -> None:
    said = await client.aio.models.generate_content(model=MODEL, contents="Bread", config=config(Recipe))
    await client.aio.aclose()

    assert said.parsed == Recipe.model_validate(RECIPE)


def test_a_chat_keeps_to_the_schema_in_every_turn(client: genai.Client) -> None:
    chat = client.chats.create(model=MODEL, config=config(Recipe))

    turns = [chat.send_message(text).parsed for text in ("Bread", "Another one")]

    assert turns == [Recipe.model_validate(RECIPE)] * 2


@pytest.mark.model
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_model_keeps_to_a_pydantic_model(embedded_client: genai.Client, seed: int) -> None:
    class Bread(BaseModel):
        name: str = Field(max_length=40)
        kind: Kind
        minutes: int = Field(ge=10, le=90)
        ingredients: list[Literal["flour", "water", "salt", "yeast"]] = Field(min_length=2, max_length=4)

    said = answer(embedded_client, config(Bread, seed=seed, max_output_tokens=200))

    assert isinstance(said.parsed, Bread), said.text


@pytest.mark.model
def test_a_model_keeps_to_an_enum(embedded_client: genai.Client) -> None:
    assert answer(embedded_client, config(Kind, "text/x.enum", seed=1)).parsed in Kind
