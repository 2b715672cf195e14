from __future__ import annotations

import pytest

from geminid.errors import InvalidArgument
from geminid.gemini.cache_names import Place, parsed, place_of


def test_a_parent_is_a_place() -> None:
    assert place_of("projects/p/locations/l", "owner") == Place("p", "l")


def test_without_a_parent_the_place_is_the_callers() -> None:
    assert place_of("", "owner") == Place("owner")


@pytest.mark.parametrize("parent", ["projects/p", "p", "projects/p/locations/l/x", "projects//locations/l"])
def test_other_parents_are_refused(parent: str) -> None:
    with pytest.raises(InvalidArgument, match="Invalid parent"):
        place_of(parent, "")


@pytest.mark.parametrize("place", [Place("p", "l"), Place("owner")])
def test_a_name_says_where_and_which(place: Place) -> None:
    assert parsed(place.name_of("123"), "owner") == (place, "123")


@pytest.mark.parametrize("name", ["1234567890", "", "cachedContents/", "projects/p/cachedContents/1", "a/b"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        parsed(name, "")

    assert error.value.message == f"Invalid CachedContent name: {name}."


def test_ids_have_the_form_of_their_api() -> None:
    vertex, developer = Place("p", "l").new_id(), Place("p").new_id()

    assert len(vertex) == 19
    assert int(vertex) < 2**63
    assert developer.isalnum()
    assert developer.islower()
    assert Place("p").new_id() != developer
