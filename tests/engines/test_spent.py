from __future__ import annotations

from geminid.engines.spent import Spent, Tokens
from geminid.generation import Logprob, TokenLogprobs


def places(*tokens: str) -> tuple[TokenLogprobs, ...]:
    return tuple(TokenLogprobs(Logprob(token, -1.0)) for token in tokens)


def tokens_of(tokens: Tokens) -> tuple[int, list[str]]:
    return tokens.number, [place.chosen.token for place in tokens.logprobs]


def test_a_token_goes_with_the_text_in_which_it_begins() -> None:
    spent = Spent()
    spent.add("Hello big", Tokens(2, places("Hello", " big")))
    spent.add(" world", Tokens(1, places(" world")))

    assert tokens_of(spent.take(3)) == (1, ["Hel"])
    assert tokens_of(spent.take(6)) == (1, [" big"])
    assert tokens_of(spent.rest()) == (1, [" world"])


def test_tokens_of_which_nothing_is_known() -> None:
    spent = Spent()
    spent.add("Hello", Tokens(3))
    spent.add(" world", Tokens(2))

    assert spent.take(5) == Tokens(3)
    assert spent.take(2) == Tokens(2)
    assert spent.rest() == Tokens(0)


def test_parts_of_a_character_wait_for_its_text() -> None:
    spent = Spent()
    spent.add("", Tokens(0, places("\ufffd")))
    spent.add("😀", Tokens(3, places("\ufffd", "\ufffd")))

    assert tokens_of(spent.take(1)) == (3, ["", "", "😀"])


def test_where_more_tokens_are_counted_than_told() -> None:
    spent = Spent()
    spent.add("ab", Tokens(5, places("a", "b")))

    assert spent.take(1).number == 4
    assert spent.take(1).number == 1
