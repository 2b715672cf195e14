from __future__ import annotations

import pytest

from geminid.errors import InvalidArgument
from geminid.wire import query
from geminid.wire.developer import ListModelsRequest


@pytest.mark.parametrize("spelling", [b"pageSize=10&pageToken=a%20b", b"page_size=10&page_token=a+b"])
def test_parameters_become_fields(spelling: bytes) -> None:
    assert query.decode(ListModelsRequest, spelling) == ListModelsRequest(page_size=10, page_token="a b")


def test_parameters_that_mean_nothing_are_passed_over() -> None:
    asked = b"$alt=json;enum-encoding=int&%24alt=json&key=secret&prettyPrint=false&pageSize="

    assert query.decode(ListModelsRequest, asked) == ListModelsRequest()


def test_a_wrong_type_is_refused_in_googles_words() -> None:
    with pytest.raises(InvalidArgument) as error:
        query.decode(ListModelsRequest, b"pageSize=many")

    assert error.value.message == "Invalid value at 'page_size' (TYPE_INT32), \"many\""
