"""Faults that tests plan for an emulated service: wrong answers, late answers, damaged answers.

    stack.graph.faults.add(Fault(status=429, headers={"Retry-After": "1"}, on_request=2))
    stack.graph.faults.add(Fault(damage=cut_body(), times=1))
    stack.vault.faults.add(Fault(delay=0.5))

A fault counts the requests that fit it from the moment it is added. All faults that are due on a
request take effect together; of several with a status, the one added first answers.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from urllib.parse import urlsplit

NEXT_LINK = "@odata.nextLink"


@dataclass(frozen=True)
class Reply:
    """An answer as it goes out. `cut_after` is the number of body bytes sent before the connection closes."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut_after: int | None = None

    def with_body(self, body: bytes, **headers: str) -> Reply:
        """Return the same answer with another body and these headers added."""
        return replace(self, body=body, headers={**self.headers, **headers})


Damage = Callable[[Reply, str], Reply]
"""Makes a good answer bad, given the absolute URL that was asked for."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and on which requests.

    Effect: a `status` (with `headers` and `body`) answers in the service's place, and without a `body`
    the service's usual error body for that status is used; with `foreign` the answer has none of the headers
    by which the service's own are known, as a proxy's has none; `delay` holds the answer back, in seconds;
    `damage` alters the answer.

    Requests: those whose path contains `path`; of these the `on_request`-th alone, or else every
    `every`-th (default: each) until the fault has happened `times` times (default: for ever).
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes | None = None
    foreign: bool = False
    delay: float = 0.0
    damage: Damage | None = None
    path: str = ""
    on_request: int | None = None
    every: int = 1
    times: int | None = None

    def __post_init__(self) -> None:
        if self.on_request is not None and (self.every != 1 or self.times is not None):
            message = "on_request names one request: it does not go with every or times"
            raise ValueError(message)


@dataclass
class _Planned:
    fault: Fault
    seen: int = 0
    happened: int = 0

    def falls_due(self, path: str) -> bool:
        if self.fault.path not in path:
            return False
        self.seen += 1
        if self.fault.on_request is not None:
            due = self.seen == self.fault.on_request
        else:
            spent = self.fault.times is not None and self.happened >= self.fault.times
            due = not spent and self.seen % self.fault.every == 0
        self.happened += due
        return due


class Faults:
    """The faults planned for one service."""

    def __init__(self) -> None:
        """Plan nothing."""
        self._planned: list[_Planned] = []

    def add(self, fault: Fault) -> None:
        """Plan a fault for the requests from now on."""
        self._planned.append(_Planned(fault))

    def clear(self) -> None:
        """Plan nothing any more."""
        self._planned = []

    def due(self, path: str) -> list[Fault]:
        """Count a request and return the faults that it meets."""
        return [planned.fault for planned in self._planned if planned.falls_due(path)]


def cut_body(after: float = 0.5) -> Damage:
    """Close the connection after this part of the announced body."""

    def damage(reply: Reply, url: str) -> Reply:
        del url
        return replace(reply, cut_after=int(len(reply.body) * after))

    return damage


def damaged_gzip() -> Damage:
    """Announce gzip and send a stream that breaks in the middle."""

    def damage(reply: Reply, url: str) -> Reply:
        del url
        packed = bytearray(gzip.compress(reply.body))
        middle = len(packed) // 2
        packed[middle : middle + 8] = b"\xff" * 8
        return reply.with_body(bytes(packed), **{"Content-Encoding": "gzip"})

    return damage


def invalid_json() -> Damage:
    """Send a body that ends before its JSON does, complete as far as HTTP is concerned."""

    def damage(reply: Reply, url: str) -> Reply:
        del url
        return reply.with_body(reply.body[: len(reply.body) // 2])

    return damage


def without_users() -> Damage:
    """Leave out the users of a page, and what comes after it."""

    def damage(reply: Reply, url: str) -> Reply:
        del url
        return reply.with_body(b'{"value":[]}')

    return damage


def next_link_to_itself() -> Damage:
    """Point the page's next link at the page itself: once is a repeated page, always is a circle."""
    return _next_link(lambda _, url: url)


def next_link_to(target: str) -> Damage:
    """Point the page's next link at this URL, for instance that of an earlier page."""
    return _next_link(lambda _, __: target)


def next_link_to_host(host: str) -> Damage:
    """Point the page's next link at another host."""
    return _next_link(lambda link, _: urlsplit(link)._replace(netloc=host).geturl())


def next_link_over_http() -> Damage:
    """Take the encryption off the page's next link."""
    return _next_link(lambda link, _: urlsplit(link)._replace(scheme="http").geturl())


def _next_link(change: Callable[[str, str], str]) -> Damage:
    """Change the next link of a page that has one."""

    def damage(reply: Reply, url: str) -> Reply:
        page = json.loads(reply.body)
        if NEXT_LINK in page:
            page[NEXT_LINK] = change(page[NEXT_LINK], url)
        return reply.with_body(json.dumps(page, ensure_ascii=False).encode())

    return damage
