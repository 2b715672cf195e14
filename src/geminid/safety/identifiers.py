"""Which numbers identify a person or their money, and how they are written: tables for ``patterns.py``.

A form is a picture: 9 stands for a digit, A for a letter, a space for any single space, a dash for any dash.
``check`` is the module of python-stdnum that has the checksum (https://arthurdejong.org/python-stdnum/formats).
A form that too many other numbers share (one in ten, or in a hundred, passes the check) is ``weak``: it counts
near one of the ``cues`` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

IBAN = "iban"
CARD = "payment_card"


@dataclass(frozen=True, slots=True)
class Identifier:
    """``name`` is what the log says. A form in ``forms`` counts alone, one in ``weak`` near a cue."""

    name: str
    check: str
    forms: Sequence[str] = ()
    weak: Sequence[str] = ()
    cues: Sequence[str] = ()


_SOCIAL_SECURITY = ("social security", "ssn", "taxpayer", "tax id")

IDENTIFIERS: Sequence[Identifier] = (
    Identifier(
        CARD,
        "luhn",
        forms=(
            *("9999 9999 9999 9999", "9999-9999-9999-9999", "9999 999999 99999", "9999-999999-99999"),
            *("9" * 16, "9" * 15),
        ),
        weak=("9" * 13, "9" * 14, "9" * 18, "9" * 19, "9999 999999 9999", "9999 9999 9999 9999 999"),
        cues=(
            "card",
            "visa",
            "mastercard",
            "maestro",
            "amex",
            "diners",
            "discover",
            "jcb",
            "unionpay",
            "cvv",
            "cvc",
        ),
    ),
    Identifier("us_ssn", "us.ssn", ("999-99-9999",), ("9" * 9, "999 99 9999"), _SOCIAL_SECURITY),
    Identifier(
        "uk_nhs_number", "gb.nhs", (), ("999 999 9999", "999-999-9999", "9" * 10), ("nhs", "health service")
    ),
    Identifier(
        "de_steuer_id",
        "de.idnr",
        weak=("99 999 999 999", "9" * 11),
        cues=("steuer", "idnr", "identifikationsnummer", "tax id", "tin"),
    ),
    Identifier(
        "fr_nir",
        "fr.nir",
        ("9 99 99 99 999 999 99", "9 99 99 9A 999 999 99"),
        ("9" * 15, "999999A99999999"),
        ("nir", "sécu", "social", "insee", "vitale"),
    ),
    Identifier("it_codice_fiscale", "it.codicefiscale", ("AAAAAA99A99A999A",)),
    Identifier("es_dni", "es.dni", ("99999999A", "99999999-A", "99999999 A", "99.999.999-A")),
    Identifier("es_nie", "es.nie", ("A9999999A", "A-9999999-A", "A-9999999A")),
    Identifier(
        "nl_bsn", "nl.bsn", weak=("9" * 9, "9999.99.999", "9999 99 999"), cues=("bsn", "burgerservice", "sofi")
    ),
    Identifier("be_national_number", "be.nn", ("99.99.99-999.99", "99.99.99-999 99", "99 99 99 999 99")),
    Identifier("ch_ahv", "ch.ssn", ("999.9999.9999.99", "999 9999 9999 99", "9" * 13)),
    Identifier("fi_hetu", "fi.hetu", ("999999-999A", "999999A999A"), ("999999-9999",), ("hetu", "henkilö")),
    Identifier(
        "se_personnummer", "se.personnummer", weak=("999999-9999", "99999999-9999"), cues=("person", "samordning")
    ),
    Identifier(
        "no_fodselsnummer", "no.fodselsnummer", ("999999 99999",), ("9" * 11,), ("fødsel", "fodsel", "person")
    ),
    Identifier("pl_pesel", "pl.pesel", weak=("9" * 11,), cues=("pesel",)),
    Identifier("ro_cnp", "ro.cnp", weak=("9" * 13,), cues=("cnp", "cod numeric")),
    Identifier("ie_pps", "ie.pps", weak=("9999999A", "9999999AA"), cues=("pps", "public service")),
    Identifier("br_cpf", "br.cpf", ("999.999.999-99",), ("9" * 11,), ("cpf", "pessoa física")),
    Identifier("mx_curp", "mx.curp", ("AAAA999999AAAAAA99", "AAAA999999AAAAAAA9")),
    Identifier(
        "in_aadhaar", "in_.aadhaar", weak=("9999 9999 9999", "9999-9999-9999", "9" * 12), cues=("aadh", "uidai")
    ),
    Identifier("cn_resident_identity", "cn.ric", ("9" * 18, "9" * 17 + "A")),
    Identifier("kr_resident_registration", "kr.rrn", weak=("999999-9999999",), cues=("resident", "주민", "rrn")),
    Identifier(
        "ca_sin", "ca.sin", weak=("999 999 999", "999-999-999", "9" * 9), cues=("social insurance", "sin", "nas")
    ),
    Identifier("au_tfn", "au.tfn", weak=("999 999 999", "9" * 9), cues=("tfn", "tax file")),
    Identifier("za_identity", "za.idnr", weak=("9" * 13,), cues=("identity", "id number")),
)

CARDS: Sequence[tuple[range, Sequence[int]]] = (
    (range(4000, 5000), (13, 16, 19)),  # Visa
    (range(5100, 5600), (16,)),  # Mastercard
    (range(2221, 2721), (16,)),
    (range(3400, 3500), (15,)),  # American Express
    (range(3700, 3800), (15,)),
    (range(3000, 3060), (14, 16, 19)),  # Diners Club
    (range(3600, 3700), (14, 16, 19)),
    (range(3800, 4000), (14, 16, 19)),
    (range(6011, 6012), (16, 19)),  # Discover
    (range(6440, 6600), (16, 19)),
    (range(3528, 3590), (16, 19)),  # JCB
    (range(6200, 6300), (16, 18, 19)),  # UnionPay
    (range(2200, 2205), (16, 19)),  # Mir
    (range(6760, 6765), (16, 18, 19)),  # Maestro
    (range(5018, 5019), (16, 18, 19)),
    (range(5020, 5021), (16, 18, 19)),
    (range(5038, 5039), (16, 18, 19)),
)
"""First four digits and lengths (ISO/IEC 7812; https://en.wikipedia.org/wiki/Payment_card_number)."""
