from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.adapters.graph_users import SELECTED, to_user, user_id
from due_notices.model import ContactNote
from due_notices.obligations import value_of, values_of
from tests.factories import ALICE, ATTRIBUTE, BOB, CARLA, DMITRI, ERIN, graph_user

PLAIN = (ATTRIBUTE,)
ON_PREMISES = ("onPremisesExtensionAttributes", "extensionAttribute7")
WRONG_TYPES: list[object] = [None, True, False, 0, 7, 1.5, [], {}, ["alice@example.com"], {"mail": "alice@example.com"}]


def notes_of(graph: Mapping[str, object]) -> tuple[ContactNote, ...]:
    return to_user(graph, ALICE).contact_notes


def email_of(graph: dict[str, object]) -> str | None:
    return to_user(graph, ALICE).email


def phone_of(value: object) -> str | None:
    return to_user({"mobilePhone": value}, ALICE).mobile_phone


@pytest.mark.parametrize(
    ("who", "email"),
    [
        (ALICE, "alice@example.com"),
        (BOB, None),
        (CARLA, "carla@example.org"),
        (DMITRI, "dmitri@example.net"),
        (ERIN, None),
    ],
)
def test_the_cast_is_reached_at(who: str, email: str | None) -> None:
    assert to_user(graph_user(who=who), who).email == email


IDENTITY = {"signInType": "emailAddress", "issuerAssignedId": "identity@example.com"}
EVERYWHERE: dict[str, object] = {
    "mail": "mail@example.com",
    "identities": [IDENTITY],
    "otherMails": ["other1@example.com", "other2@example.com"],
    "userPrincipalName": "upn@example.com",
}


@pytest.mark.parametrize(
    ("changes", "email"),
    [
        # the order of preference
        ({}, "mail@example.com"),
        ({"mail": None}, "identity@example.com"),
        ({"mail": None, "identities": []}, "other1@example.com"),
        ({"mail": None, "identities": [], "otherMails": []}, "upn@example.com"),
        ({"mail": None, "identities": [], "otherMails": [], "userPrincipalName": None}, None),
        # a malformed address counts as absent: the next one is taken
        ({"mail": "alice(at)example.com"}, "identity@example.com"),
        ({"mail": "", "identities": [{**IDENTITY, "issuerAssignedId": "nobody"}]}, "other1@example.com"),
        ({"mail": " ", "identities": [], "otherMails": ["nobody", "other2@example.com"]}, "other2@example.com"),
        # which identities are addresses
        ({"mail": None, "identities": [{**IDENTITY, "signInType": "emailAddressOtp"}]}, "identity@example.com"),
        ({"mail": None, "identities": [{**IDENTITY, "signInType": "userName"}]}, "other1@example.com"),
        ({"mail": None, "identities": [{**IDENTITY, "signInType": "federated"}]}, "other1@example.com"),
        ({"mail": None, "identities": [{**IDENTITY, "signInType": "EmailAddress"}]}, "other1@example.com"),
        ({"mail": None, "identities": [{**IDENTITY, "signInType": None}]}, "other1@example.com"),
        ({"mail": None, "identities": [{**IDENTITY, "signInType": ["emailAddress"]}]}, "other1@example.com"),
        ({"mail": None, "identities": [{"issuerAssignedId": "identity@example.com"}]}, "other1@example.com"),
        ({"mail": None, "identities": [{"signInType": "emailAddress"}]}, "other1@example.com"),
        ({"mail": None, "identities": [{**IDENTITY, "issuerAssignedId": 5}, IDENTITY]}, "identity@example.com"),
        ({"mail": None, "identities": ["emailAddress", None, 5, IDENTITY]}, "identity@example.com"),
        # wrong types in the lists
        ({"mail": None, "identities": IDENTITY}, "other1@example.com"),
        ({"mail": None, "identities": "emailAddress", "otherMails": "other@example.com"}, "upn@example.com"),
        ({"mail": None, "identities": None, "otherMails": {"0": "other@example.com"}}, "upn@example.com"),
        ({"mail": None, "identities": [], "otherMails": [None, 7, {}, "other@example.com"]}, "other@example.com"),
        # principal names without a mailbox
        ({"mail": None, "identities": [], "otherMails": [], "userPrincipalName": "a_b.c#EXT#@d.example"}, None),
        ({"mail": None, "identities": [], "otherMails": [], "userPrincipalName": "a_b.c#ext#@d.example"}, None),
        ({"mail": None, "identities": [], "otherMails": [], "userPrincipalName": "a@contoso.onmicrosoft.com"}, None),
        ({"mail": None, "identities": [], "otherMails": [], "userPrincipalName": "a@contoso.OnMicrosoft.com"}, None),
        *(
            ({"mail": None, "identities": [], "otherMails": [], "userPrincipalName": f"a@contoso{domain}"}, None)
            for domain in (
                *(".onmicrosoft.us", ".partner.onmschina.cn", ".onsovcloud.fr", ".onsovcloud.de"),
                *(".mail.onmicrosoft.com", ".OnMicrosoft.US", ".onmicrosoft.com\u200b", ".onmicrosoft.com "),
            )
        ),
        (
            {"mail": None, "identities": [], "otherMails": [], "userPrincipalName": "a@onmicrosoft.us.example"},
            "a@onmicrosoft.us.example",
        ),
        (
            {"mail": None, "identities": [], "otherMails": [], "userPrincipalName": "a@onmicrosoft.com"},
            "a@onmicrosoft.com",
        ),
        ({"mail": None, "identities": [], "otherMails": [], "userPrincipalName": 5}, None),
        # ... are mailboxes where another field names them
        ({"mail": "alice@contoso.onmicrosoft.com"}, "alice@contoso.onmicrosoft.com"),
        ({"mail": None, "identities": [], "otherMails": ["a@b.onmicrosoft.com"]}, "a@b.onmicrosoft.com"),
    ],
)
def test_the_contact_rule(changes: dict[str, object], email: str | None) -> None:
    assert email_of(EVERYWHERE | changes) == email


@pytest.mark.parametrize(
    "address",
    [
        "a@b.co",
        "first.last+tag@sub.example.com",
        "o'brien@example.ie",
        "user_name-1@example-host.example",
        "müller@bücher.example",
        "用户@例子.广告",
        "!#$%&'*/=?^`{|}~@example.com",
        "x" * 64 + "@example.com",
        "a@" + "b" * 249 + ".de",
    ],
)
def test_an_address_is_taken_as_it_is(address: str) -> None:
    assert email_of({"mail": address}) == address


@pytest.mark.parametrize(
    "address",
    [
        # no address
        *(
            "",
            " ",
            "alice",
            "alice@",
            "@example.com",
            "alice@example",
            "alice@@example.com",
            "a@b@c.de",
            "alice@.de",
            "a@b..de",
            "a@b.de.",
        ),
        *(
            "alice@example.",
            "alice@example.com.",
            "alice at example.com",
            "alice@exam ple.com",
            "x" * 65 + "@example.com",
        ),
        "a@" + "b" * 250 + ".de",
        # of a blank, or a long dash, in it nothing says what is meant
        *("alice abel@example.com", "alice\u00a0abel@example.com", "alice@example\u3000.com", "alice@exam\nple.com"),
        *("alice\u2014abel@example.com", "alice\u2015abel@example.com"),
        # a joiner changes a word where there are letters that join
        "نامه\u200cها@example.com",
        # several recipients, or a name with it
        *("a@b.co,c@d.co", "a@b.co;c@d.co", "a@b.co c@d.co", "Alice <alice@example.com>", "<alice@example.com>"),
        *("mailto:alice@example.com", "a@b.co(comment)", '"alice b"@example.com', "alice@[192.0.2.1]"),
        # breaking out of the header
        *("alice@example.com\r\nBcc: eve@example.com", "alice@example.com\nBcc:eve@example.com", "a\r\n@b.co"),
        *(
            "alice@example.com%0d%0a\rBcc",
            "alice@example.com\x0bBcc",
            "alice@example.com\x85Bcc",
            "alice@b.co\u2028Bcc",
        ),
        # characters that no address has, at each place of it
        *(f"a{bad}@b.co" for bad in '\x00\x01\x1f\x7f\x9f\\"()[]<>,;:'),
        *(f"a@{bad}b.co" for bad in '\x00\x01\x1f\x7f\x9f\\"()[]<>,;:'),
        *(f"a@b.co{bad}" for bad in '\x00\x01\x7f\x9f\\"()[]<>,;:'),
        # what UTF-8 cannot write
        *("\ud800@example.com", "alice@example.\udfff"),
    ],
)
def test_an_address_that_cannot_be_meant_counts_as_absent(address: str) -> None:
    assert email_of({"mail": address}) is None
    assert email_of({"otherMails": [address]}) is None
    assert email_of({"identities": [{"signInType": "emailAddress", "issuerAssignedId": address}]}) is None
    assert email_of({"userPrincipalName": address}) is None


ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202a\u202c\u2066\u2069\u200e\u061c\ufe0f\u034f\u3164\u2800"


@pytest.mark.parametrize(
    "address",
    [
        *(" alice-a@example.com", "alice-a@example.com ", "alice-a@example.com\n", "\talice-a@example.com\r\n"),
        *("\u00a0alice-a@example.com", "alice-a@example.com\u202f", "\u3000alice-a@example.com\u2007"),
        *(f"{sign}alice-a@example.com" for sign in ZERO_WIDTH),
        *(f"alice{sign}-a@exam{sign}ple.com{sign}" for sign in ZERO_WIDTH),
        *(f"alice{dash}a@example.com" for dash in "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"),
        "\u202aalice\u2011a@example.com\u202c\u00a0",
    ],
)
def test_an_address_is_cleaned_of_what_cannot_be_seen(address: str) -> None:
    assert email_of({"mail": address}) == "alice-a@example.com"
    assert [(note.field, note.kind) for note in notes_of({"mail": address})] == [("mail", "cleaned")]


@pytest.mark.parametrize(
    ("number", "cleaned"),
    [
        ("+49\u00a030\u00a0123456", "+49 30 123456"),
        ("\u202a+49 30 123456\u202c", "+49 30 123456"),
        ("+49\u201130\u2011123456", "+49-30-123456"),
        ("030 \u2013 12 34 56", "030 - 12 34 56"),
        ("030\u2014123456", "030-123456"),
        (" +49 30 123456\n", "+49 30 123456"),
        ("+49\u200b30123456", "+4930123456"),
    ],
)
def test_a_phone_number_is_cleaned_of_what_cannot_be_seen(number: str, cleaned: str) -> None:
    assert phone_of(number) == cleaned
    assert [(note.field, note.kind) for note in notes_of({"mobilePhone": number})] == [("mobilePhone", "cleaned")]


def test_several_addresses_in_one_field_are_named_and_the_phone_is_used() -> None:
    graph: dict[str, object] = {"mail": "a@example.com; b@example.com", "mobilePhone": "+1 555 0100"}

    assert (email_of(graph), phone_of("+1 555 0100")) == (None, "+1 555 0100")
    (note,) = notes_of(graph)
    assert (note.field, note.kind) == ("mail", "unusable")
    assert "several" in note.text
    assert "example.com" not in note.text


@pytest.mark.parametrize(
    ("graph", "fields"),
    [
        ({}, []),
        ({"mail": "", "mobilePhone": " ", "otherMails": [None, ""]}, []),
        (EVERYWHERE, []),
        (graph_user(who=ERIN), []),  # a principal name without a mailbox is nothing to be put right
        ({"mail": 7, "otherMails": ["nobody", "other@example.com"]}, ["mail", "otherMails"]),
        ({"identities": [{"signInType": "emailAddress", "issuerAssignedId": "a b@example.com"}]}, ["identities"]),
        ({"mobilePhone": "call me"}, ["mobilePhone"]),
    ],
)
def test_unusable_contacts_are_named_by_their_fields(graph: dict[str, object], fields: list[str]) -> None:
    notes = notes_of(graph)

    assert [note.field for note in notes] == fields
    assert all(note.kind == "unusable" for note in notes)


@pytest.mark.parametrize(
    ("graph", "others"),
    [
        (EVERYWHERE, ("other1@example.com", "other2@example.com")),
        (EVERYWHERE | {"mail": None, "identities": []}, ("other2@example.com",)),
        ({"mail": "a@b.co", "otherMails": ["a@b.co", "c@d.co\u200b", "c@d.co", "nobody", 7, None]}, ("c@d.co",)),
        ({"mail": "a@b.co", "otherMails": "c@d.co"}, ()),
        ({}, ()),
    ],
)
def test_the_other_addresses_are_those_of_other_mails(graph: dict[str, object], others: tuple[str, ...]) -> None:
    assert to_user(graph, ALICE).other_emails == others


@pytest.mark.parametrize("wrong", WRONG_TYPES)
@pytest.mark.parametrize("field", [field for field in SELECTED if field not in {"id", "accountEnabled"}])
def test_a_contact_field_of_a_wrong_type_counts_as_absent(field: str, wrong: object) -> None:
    absent = {name: value for name, value in graph_user().items() if name != field}

    assert to_user(absent | {field: wrong}, ALICE) == to_user(absent, ALICE)


@pytest.mark.parametrize(
    "number", ["+49 (0)30 123456", "0301/123456", "+1-555-0100", "(555) 0100", "12345", "+" + "1" * 40, "030.12 34 5"]
)
def test_a_phone_number_is_taken_as_it_is(number: str) -> None:
    assert phone_of(number) == number


@pytest.mark.parametrize(
    "number",
    [
        *("", " ", "1234", "+1234", "call me", "+49 30 1234 ext. 5", "555-CALL-NOW", "+1 555\n0100", "++15550100"),
        *(
            "-----",
            "     ",
            "().(/)-",
            "- - 1 - -",
            "١٢٣٤٥٦",
            "１２３４５６",
            "1" * 41,
            "tel:+15550100",
            "\ud800",
            "*100#",
        ),
    ],
)
def test_what_cannot_be_a_phone_number_counts_as_absent(number: str) -> None:
    assert phone_of(number) is None


@pytest.mark.parametrize("field", ["displayName", "givenName", "preferredLanguage"])
@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u3000", "Ali\ud800ce"])
def test_a_name_that_is_blank_or_cannot_be_written_counts_as_absent(field: str, blank: str) -> None:
    alice = to_user({field: blank}, ALICE)

    assert (alice.display_name, alice.given_name, alice.preferred_language) == (None, None, None)


def test_names_are_taken_as_they_are() -> None:
    dmitri = to_user(graph_user(who=DMITRI, displayName=" Дмитрий 🙂 "), DMITRI)

    assert dmitri.display_name == " Дмитрий 🙂 "


@pytest.mark.parametrize(
    ("value", "enabled"), [(True, True), (False, False), (None, True), (0, True), ("false", True), ([], True)]
)
def test_only_an_account_that_says_so_is_disabled(value: object, enabled: bool) -> None:  # noqa: FBT001
    assert to_user({"accountEnabled": value}, ALICE).enabled is enabled


def test_without_a_word_on_it_an_account_is_enabled() -> None:
    assert to_user({}, ALICE).enabled


@pytest.mark.parametrize("identifier", [ALICE, ALICE.upper(), "7", "x" * 64])
def test_an_id_is_usable(identifier: str) -> None:
    assert user_id({"id": identifier}) == identifier


@pytest.mark.parametrize(
    "identifier",
    [*WRONG_TYPES, "", " ", "a b", "a\n", "x" * 65, "a/b", "a'b", "a\x1fb", "ä", "alice@example.com", "\ud800"],
)
def test_an_id_is_not_usable(identifier: object) -> None:
    assert user_id({"id": identifier}) is None


def test_a_user_without_an_id_has_none() -> None:
    assert user_id({}) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, []),
        ("", []),
        ([], []),
        ("2026-12-01", ["2026-12-01"]),
        (["2026-12-01"], ["2026-12-01"]),
        (["2026-12-01", "2026-12-24"], ["2026-12-01", "2026-12-24"]),
        (["2026-12-01", "2026-12-01"], ["2026-12-01", "2026-12-01"]),
        ([None, "", "2026-12-01"], ["2026-12-01"]),
        (" \n", []),
        ([" ", "\u3000", "2026-12-01 "], ["2026-12-01 "]),
        (False, [False]),
        (0, [0]),
        ({}, [{}]),
        ([[], {}], [[], {}]),
    ],
)
def test_values_of_the_attribute(value: object, expected: list[object]) -> None:
    assert values_of(value_of({ATTRIBUTE: value}, PLAIN)) == expected
    on_premises = {"onPremisesExtensionAttributes": {"extensionAttribute7": value}}
    assert values_of(value_of(on_premises, ON_PREMISES)) == expected


@pytest.mark.parametrize(
    "around", [None, "", "extensionAttribute7", 7, [], [{"extensionAttribute7": "2026-12-01"}], {}]
)
def test_an_attribute_group_of_another_shape_has_no_values(around: object) -> None:
    assert values_of(value_of({"onPremisesExtensionAttributes": around}, ON_PREMISES)) == []
    assert values_of(value_of({}, ON_PREMISES)) == []


texts = st.text(st.characters(), max_size=20)
addresses = st.builds("{}@{}.{}".format, *[st.text(st.characters(), min_size=1, max_size=5)] * 3) | st.emails()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | addresses | st.text("+0123456789 -", max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts | st.sampled_from(["signInType", "issuerAssignedId"]), inner, max_size=3)
        | st.fixed_dictionaries({"signInType": st.just("emailAddress"), "issuerAssignedId": inner})
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*SELECTED, ATTRIBUTE]) | texts, json_values, max_size=8))
def test_any_user_gives_contacts_that_are_safe_to_use(graph: dict[str, object]) -> None:
    someone = to_user(graph, ALICE)

    if someone.email is not None:
        name, at_sign, host = someone.email.partition("@")
        assert name
        assert at_sign
        assert "@" not in host
        assert all(host.rpartition("."))
        assert len(someone.email) <= 254
        assert not set(someone.email) & set('<>,;:"\\()[]')
        assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zs", "Zl", "Zp"} for character in someone.email)
    if someone.mobile_phone is not None:
        assert set(someone.mobile_phone) <= set("+0123456789 ()./-")
        assert sum(character.isdigit() for character in someone.mobile_phone) >= 5
    assert someone.email not in someone.other_emails
    assert {note.kind for note in notes_of(graph)} <= {"unusable", "cleaned"}
    for text in (someone.display_name, someone.given_name, someone.preferred_language):
        assert text is None or text.encode().strip()
    assert isinstance(values_of(value_of(graph, PLAIN)), list)
    assert user_id(graph) in {None, graph.get("id") if isinstance(graph.get("id"), str) else None}
