from __future__ import annotations

import pytest

from geminid.safety.identifiers import IDENTIFIERS
from geminid.safety.patterns import KINDS, Patterns


@pytest.fixture(scope="module")
def patterns() -> Patterns:
    return Patterns()


FOUND = [
    ("payment_card", "My card is 4111 1111 1111 1111, 12/27."),
    ("payment_card", "4111-1111-1111-1111"),
    ("payment_card", "{'number':'5555555555554444'}"),
    ("payment_card", "378282246310005."),
    ("payment_card", "visa 4222222222222"),
    ("iban", "IBAN DE89 3704 0044 0532 0130 00 please"),
    ("iban", "GB82WEST12345698765432"),
    ("iban", "fr14\u00a02004\u00a01010\u00a00505\u00a00001\u00a03m02\u00a0606"),
    ("us_ssn", "536-90-4399"),
    ("us_ssn", "536\u201390\u20134399"),
    ("us_ssn", "my SSN: 536904399"),
    ("uk_nhs_number", "NHS number 943 476 5870"),
    ("de_steuer_id", "Steuer-ID: 36 574 261 809"),
    ("fr_nir", "2 95 10 99 126 111 93"),
    ("it_codice_fiscale", "rccmnl83s18d969h"),
    ("es_dni", "54362315-K"),
    ("es_nie", "X-2482300W"),
    ("nl_bsn", "BSN 111222333"),
    ("be_national_number", "85.07.30-033.28"),
    ("ch_ahv", "756.9217.0769.85"),
    ("fi_hetu", "131052-308T"),
    ("se_personnummer", "personnummer 880320-0016"),
    ("no_fodselsnummer", "151086 95088"),
    ("pl_pesel", "PESEL 44051401359"),
    ("ro_cnp", "CNP 1630615123457"),
    ("ie_pps", "PPS 6433435F"),
    ("br_cpf", "390.533.447-05"),
    ("mx_curp", "BOXW310820HNERXN09"),
    ("in_aadhaar", "Aadhaar: 2341 2341 2346"),
    ("cn_resident_identity", "360426199101010071"),
    ("kr_resident_registration", "RRN 971013-9019902"),
    ("ca_sin", "SIN 123-456-782"),
    ("au_tfn", "TFN 123 456 782"),
    ("za_identity", "identity number 7503305044089"),
]


@pytest.mark.parametrize(("kind", "text"), FOUND)
def test_identifiers_are_found(patterns: Patterns, kind: str, text: str) -> None:
    assert patterns.find(text) == kind


def test_there_is_an_example_of_every_kind() -> None:
    assert {kind for kind, _ in FOUND} == set(KINDS)


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",  # the checksum
        "1111 1111 1111 1117",  # nobody's first digits
        "order 536904399",
        "2341 2341 2346",
        "DE89 3704 0044 0532 0130 01",
        "550e8400-e29b-41d4-a716-446655440000",
        "https://example.com/items/4111111111111111",
        "0.4111111111111111",
        "14111111111111111",
        "x4111111111111111",
        "1763790000000 ms, 1763790000000000 us",
        "20261122055743",
        "+1 212 555 0123 and jane@example.com",
        "tel. 030 1234567",
        "",
    ],
)
def test_other_numbers_are_not(patterns: Patterns, text: str) -> None:
    assert patterns.find(text) is None


@pytest.mark.parametrize(("kind", "text"), FOUND)
@pytest.mark.parametrize("size", [1, 7, 60])
def test_windows_with_their_overlap_find_what_the_whole_has(
    patterns: Patterns, kind: str, text: str, size: int
) -> None:
    text = f"Once upon a time there was this: {text} And there it was no more."
    found = set()
    for start in range(0, len(text), size):
        first = max(0, start - patterns.overlap)
        window = text[first : start + size]
        found.add(patterns.find(window, begins=first == 0, ends=start + size >= len(text)))

    assert found == {kind, None} or found == {kind}


def test_a_number_that_goes_on_is_not_judged_yet(patterns: Patterns) -> None:
    assert patterns.find("4111 1111 1111 1111", ends=False) is None
    assert patterns.find("4111 1111 1111 1111", begins=False) is None
    assert patterns.find(". 4111 1111 1111 1111. ", begins=False, ends=False) == "payment_card"


def test_only_the_kinds_asked_for_are_found() -> None:
    text = "536-90-4399 and GB82WEST12345698765432"

    assert Patterns(["iban"]).find(text) == "iban"
    assert Patterns(["us_ssn"]).find(text) == "us_ssn"
    assert Patterns([]).find(text) is None


def test_weak_forms_have_cues() -> None:
    assert all(bool(identifier.weak) == bool(identifier.cues) for identifier in IDENTIFIERS)


def test_it_says_what_it_lacks() -> None:
    assert Patterns.ready() is None
