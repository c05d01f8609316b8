"""What the operator says about a list, from the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain

import click

from due_notices.commands.import_.dates import ORDERS, Order
from due_notices.commands.import_.profiles import FIELDS, STATES, State, folded, profile_named
from due_notices.commands.import_.recognition import Asked
from due_notices.currencies import decimals_of

EXAMPLE = """customer,due,ref,amount,currency,status
ada@example.com,2027-01-15,INV-1001,120.50,EUR,open
ben@example.org,2027-01-31,INV-1002,1250.00,EUR,open
ben@example.org,2027-02-28,INV-1003,99.90,EUR,paid
"""
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,119}(/[A-Za-z][A-Za-z0-9_]{0,119})?")
_FORMS = {*ORDERS, "excel", "buddhist"}


def asked_for(
    *,
    profile: str | None,
    delimiter: str,
    dates: Sequence[str],
    decimal: str | None,
    currency: str | None,
    status: Sequence[str],
    columns: Sequence[str],
    match: Sequence[str],
) -> Asked:
    """Return what was asked for. Raises click.BadParameter, ListRefused for a profile."""
    forms = set(chain.from_iterable(re.split(r"[,\s]+", each.strip().casefold()) for each in dates)) - {""}
    if wrong := forms - _FORMS:
        raise click.BadParameter(
            f"{', '.join(sorted(wrong))}: forms are {', '.join(sorted(_FORMS))}", param_hint="--dates"
        )
    orders: frozenset[Order] = frozenset(order for order in ORDERS if order in forms)
    if len(orders) > 1:
        raise click.BadParameter("one order is expected, as dmy", param_hint="--dates")
    code = currency.strip().upper() if currency else None
    if code is not None and (not re.fullmatch("[A-Z]{3}", code) or decimals_of(code) is None):
        raise click.BadParameter(f"ISO 4217 has no currency {code}", param_hint="--currency")
    names = {"tab": "\t", "\\t": "\t"}
    delimiter = names.get(delimiter.casefold(), delimiter)
    if len(delimiter) > 1:
        raise click.BadParameter("one character is expected, or tab", param_hint="--delimiter")
    return Asked(
        profile=None if profile is None else profile_named(profile),
        delimiter=delimiter,
        orders=orders,
        excel="excel" in forms,
        buddhist="buddhist" in forms,
        decimal="." if decimal == "." else "," if decimal == "," else None,
        currency=code,
        status=dict(map(_state, status)),
        columns=dict(chain.from_iterable(map(_columns, columns))),
        match=tuple(map(_attribute, chain.from_iterable(each.split(",") for each in match))),
    )


def _state(text: str) -> tuple[str, State]:
    word, found, state = text.rpartition("=")
    for each in STATES:
        if found and each == state.strip().casefold():
            return folded(word.strip().strip('"')), each
    raise click.BadParameter(f"{text}: write it as WORD=open, =paid, =void or =disputed", param_hint="--status")


def _columns(text: str) -> Sequence[tuple[str, str]]:
    """Return field and head of each `field=head`; a head may hold commas and signs of its own."""
    known = "|".join(("customer", *FIELDS))
    parts = re.split(rf",(?=(?:{known})=)", text)
    pairs = [part.partition("=") for part in parts]
    for field, found, name in pairs:
        if field.strip().casefold() not in ("customer", *FIELDS) or not found or not name.strip():
            raise click.BadParameter(
                f"{text}: write it as due=NAME; fields are customer, {', '.join(FIELDS)}", param_hint="--columns"
            )
    return [(field.strip().casefold(), name.strip()) for field, _, name in pairs]


def _attribute(text: str) -> str:
    if not _ATTRIBUTE.fullmatch(text.strip()):
        raise click.BadParameter(f"{text}: name an attribute of users, as employeeId", param_hint="--match")
    return text.strip()
