"""A new client secret: what is stored always works, what fails is undone, what was killed is cleaned up."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices import bootstrap
from due_notices.commands.rotate_secret.build import secret_rotation
from due_notices.commands.rotate_secret.rotation import KEY_ID_TAG, NOT_KNOWN_YET, SPREADING, Place, Rotated, Rotation
from due_notices.credentials import Password
from due_notices.errors import CredentialError, SettingsError
from due_notices.secret import Secret, SecretVersion, StoredSecret
from due_notices.settings import Settings
from local.faults import Fault
from local.registrations import new_secret_text
from local.stack import SECRET_NAME, LocalStack
from local.vault import VaultError
from tests.credentials.conftest import ROOT, RunCli, process_environment
from tests.fakes import MovableClock
from tests.hygiene import secrets_in

PLACE = Place("my-vault", SECRET_NAME)
HALF_A_YEAR = timedelta(days=180)


@dataclass
class FakeApp:
    """An app registration in memory; `fail` raises before, `fail_after` after the work of a method."""

    clock: MovableClock
    found: dict[str, tuple[Password, Secret]] = field(default_factory=dict)
    fail: dict[str, BaseException] = field(default_factory=dict)
    fail_after: dict[str, BaseException] = field(default_factory=dict)

    def passwords(self) -> Sequence[Password]:
        self._meet(self.fail, "passwords")
        return [password for password, _ in self.found.values()]

    def add_password(self, display_name: str, ends: datetime) -> tuple[Password, Secret]:
        del ends
        self._meet(self.fail, "add")
        self.clock.move(seconds=1)
        made = Password(f"key-{len(self.found) + 1}-{self.clock.monotonic():.0f}", display_name, self.clock.now())
        self.found[made.key_id] = made, Secret(new_secret_text())
        self._meet(self.fail_after, "add")
        return self.found[made.key_id]

    def remove_password(self, key_id: str) -> None:
        self._meet(self.fail, "remove")
        self.found.pop(key_id, None)
        self._meet(self.fail_after, "remove")

    def _meet(self, failures: Mapping[str, BaseException], name: str) -> None:
        if name in failures:
            raise failures[name]


@dataclass
class FakeVault:
    """A vault in memory, with failures as the app's."""

    stored: list[tuple[SecretVersion, Secret, datetime | None]] = field(default_factory=list)
    fail: dict[str, BaseException] = field(default_factory=dict)
    fail_after: dict[str, BaseException] = field(default_factory=dict)

    def read(self, name: str) -> StoredSecret:
        assert name == SECRET_NAME
        self._meet(self.fail, "read")
        version, value, ends = self.stored[-1]
        return StoredSecret(value, version.version, ends, None)

    def versions(self, name: str) -> Sequence[SecretVersion]:
        assert name == SECRET_NAME
        self._meet(self.fail, "versions")
        return [version for version, _, _ in reversed(self.stored)]

    def store(self, name: str, value: Secret, *, expires_on: datetime, tags: Mapping[str, str]) -> str:
        assert name == SECRET_NAME
        self._meet(self.fail, "store")
        version = SecretVersion(f"v{len(self.stored) + 1}", None, dict(tags))
        self.stored.append((version, value, expires_on))
        self._meet(self.fail_after, "store")
        return version.version

    def _meet(self, failures: Mapping[str, BaseException], name: str) -> None:
        if name in failures:
            raise failures[name]


@dataclass
class World:
    """App, vault and an Entra that accepts what the app has, some tries later where it is slow."""

    clock: MovableClock = field(default_factory=MovableClock)
    slow: int = 0
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app = FakeApp(self.clock)
        self.vault = FakeVault()
        self.tries = 0

    def prove(self, secret: Secret) -> None:
        self.tries += 1
        if self.tries <= self.slow or not self.accepts(secret):
            raise CredentialError("refused", code=NOT_KNOWN_YET)

    def accepts(self, secret: Secret) -> bool:
        return any(secret == known for _, known in self.app.found.values())

    def rotate(self, *, remove_old: bool = False) -> Rotated:
        rotation = Rotation(self.app, self.vault, self.prove, self.clock, PLACE, self.said.append)
        return rotation.run(HALF_A_YEAR, remove_old=remove_old)

    @property
    def works(self) -> bool:
        """Whether the function could get a token with what the vault has."""
        return not self.vault.stored or self.accepts(self.vault.stored[-1][1])


def test_it_adds_stores_and_proves() -> None:
    world = World()

    done = world.rotate()

    ((password, secret),) = world.app.found.values()
    ((version, stored, ends),) = world.vault.stored
    assert stored == secret
    assert version.tags == {KEY_ID_TAG: password.key_id}
    assert password.display_name == "due-notices my-vault/graph-client-secret"
    assert ends == done.expires_on
    assert (done.key_id, done.version, done.kept) == (password.key_id, "v1", 0)
    assert world.tries == 2


def test_it_waits_until_entra_knows_the_new_secret_and_stores_it_only_then() -> None:
    world = World(slow=4)

    world.rotate()

    assert world.clock.waits == list(SPREADING[:4])
    assert len(world.vault.stored) == 1


def test_a_secret_that_entra_never_knows_is_not_stored() -> None:
    world = World(slow=100)

    with pytest.raises(CredentialError, match="refused"):
        world.rotate()

    assert world.vault.stored == []
    assert world.app.found == {}
    assert world.clock.waits == list(SPREADING)


def test_another_refusal_than_not_known_yet_is_not_waited_for() -> None:
    world = World()
    rotation = Rotation(world.app, world.vault, refuse, world.clock, PLACE, world.said.append)

    with pytest.raises(CredentialError, match="no such tenant"):
        rotation.run(HALF_A_YEAR, remove_old=False)

    assert world.clock.waits == []
    assert world.app.found == {}


def refuse(_: Secret) -> None:
    raise CredentialError("no such tenant", code="AADSTS90002")


def test_older_ones_are_kept_and_counted_without_remove_old() -> None:
    world = World()
    world.rotate()

    assert world.rotate().kept == 1
    assert len(world.app.found) == 2
    assert world.rotate(remove_old=True).removed == 2
    assert len(world.app.found) == 1
    assert world.works


def test_only_our_own_are_removed() -> None:
    world = World()
    world.app.add_password("made by hand", world.clock.now())
    world.app.add_password("due-notices other-vault/graph-client-secret", world.clock.now())
    world.app.add_password("due-notices my-vault/other-secret", world.clock.now())
    foreign = set(world.app.found)
    world.rotate()

    done = world.rotate(remove_old=True)

    assert (done.removed, done.orphans) == (1, 0)
    assert foreign < world.app.found.keys()
    assert len(world.app.found) == 4


def test_one_that_was_renamed_is_known_by_its_key_id() -> None:
    world = World()
    first = world.rotate().key_id
    password, secret = world.app.found[first]
    world.app.found[first] = Password(first, "renamed by somebody", password.start), secret

    assert world.rotate(remove_old=True).removed == 1


def test_a_newer_one_of_ours_is_left_alone() -> None:
    world = World()
    password, secret = Password("theirs", PLACE.display_name, world.clock.now() + timedelta(hours=1)), Secret("s")
    world.app.found["theirs"] = password, secret

    assert world.rotate(remove_old=True).removed == 0
    assert "theirs" in world.app.found


def test_another_secret_that_is_stored_at_the_same_time_is_noticed() -> None:
    world = World()
    world.rotate()
    read = world.vault.read

    def another_stored(name: str) -> StoredSecret:
        world.vault.stored.append((SecretVersion("theirs", None, {}), Secret("theirs"), None))
        return read(name)

    world.vault.read = another_stored  # type: ignore[method-assign]

    with pytest.raises(CredentialError, match="another rotation ran"):
        world.rotate(remove_old=True)

    assert len(world.app.found) == 2


REFUSED: Callable[[], BaseException] = lambda: CredentialError("403")  # noqa: E731
FAILURES: list[tuple[str, str, str, BaseException]] = [
    (place, when, step, error)
    for place, steps in (("app", ("passwords", "add", "remove")), ("vault", ("read", "versions", "store")))
    for step in steps
    for when in ("fail", "fail_after")
    for error in (CredentialError("no answer"), KeyboardInterrupt())
]


@given(failures=st.lists(st.one_of(st.none(), st.sampled_from(FAILURES)), max_size=6), remove_old=st.booleans())
def test_whatever_fails_the_vault_holds_a_secret_that_works_and_the_next_one_cleans_up(
    *, failures: list[tuple[str, str, str, BaseException] | None], remove_old: bool
) -> None:
    world = World()
    world.rotate()
    for failure in failures:
        if failure is not None:
            place, when, step, error = failure
            getattr(getattr(world, place), when)[step] = error
        with suppress(CredentialError, KeyboardInterrupt):
            world.rotate(remove_old=remove_old)
        for part in (world.app, world.vault):
            part.fail.clear()
            part.fail_after.clear()
        assert world.works

    world.rotate(remove_old=True)

    assert len(world.app.found) == 1
    assert world.works


@pytest.mark.parametrize("error", [CredentialError("403"), KeyboardInterrupt()], ids=["refused", "interrupted"])
def test_a_vault_that_does_not_store_gets_the_password_removed_again(error: BaseException) -> None:
    world = World()
    world.vault.fail["store"] = error

    with pytest.raises(type(error)):
        world.rotate()

    assert world.app.found == {}
    assert "removed the new password from the app registration again; the old secret is untouched" in world.said


def test_a_vault_whose_answer_got_lost_keeps_the_password() -> None:
    world = World()
    world.vault.fail_after["store"] = CredentialError("no answer")

    with pytest.raises(CredentialError, match="no answer"):
        world.rotate()

    assert len(world.app.found) == 1
    assert world.works


def test_a_login_that_may_not_read_changes_nothing() -> None:
    for place, step in (("app", "passwords"), ("vault", "versions")):
        world = World()
        getattr(world, place).fail[step] = CredentialError("403")

        with pytest.raises(CredentialError):
            world.rotate()

        assert world.app.found == {}


# On the local stack.


def passwords(stack: LocalStack) -> list[str | None]:
    return [secret.display_name for secret in stack.entra.app(stack.app.client_id).secrets]


def function_works(stack: LocalStack, clock: MovableClock) -> bool:
    return bool(bootstrap.graph_token(Settings.from_mapping(stack.environ), clock)())


def test_the_command_rotates_for_real(stack: LocalStack, run_cli: RunCli, clock: MovableClock) -> None:
    done = run_cli("rotate-secret", "--days", "90", environ=stack.operator_environ)

    assert done.returncode == 0, done.stderr
    newest = stack.vault.versions(SECRET_NAME)[-1]
    (by_hand, ours) = stack.entra.app(stack.app.client_id).secrets
    assert by_hand.display_name is None
    assert newest.value == ours.value
    assert newest.tags == {KEY_ID_TAG: ours.key_id}
    assert newest.expires_on is not None
    assert ours.expires_on is not None
    assert abs(newest.expires_on - ours.expires_on) < timedelta(seconds=2)
    assert newest.content_type == "text/plain"
    assert function_works(stack, clock)
    assert newest.value not in done.stdout + done.stderr


def test_remove_old_leaves_one_of_ours_and_whatever_is_not_ours(stack: LocalStack, run_cli: RunCli) -> None:
    run_cli("rotate-secret", environ=stack.operator_environ)

    done = run_cli("rotate-secret", "--remove-old", "--json", environ=stack.operator_environ)

    told = json.loads(done.stdout)
    assert (told["removed"], told["kept"], told["orphans"]) == (1, 0, 0)
    assert len(passwords(stack)) == 2


def test_a_running_login_survives_a_rotation_that_removes_the_old(
    stack: LocalStack, run_cli: RunCli, clock: MovableClock
) -> None:
    run_cli("rotate-secret", environ=stack.operator_environ)
    token = bootstrap.graph_token(Settings.from_mapping(stack.environ), clock)
    token()

    run_cli("rotate-secret", "--remove-old", environ=stack.operator_environ)

    assert token(fresh=True)


def test_a_replica_that_knows_nothing_yet_and_an_entra_that_is_slow(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.conftest import use_environment

    use_environment(monkeypatch, stack.operator_environ)
    stack.graph.applications.unknown_for = 3
    stack.graph.applications.spread = timedelta(seconds=1)
    clock = WaitingClock()
    said: list[str] = []

    rotation = secret_rotation(Settings.from_mapping(stack.operator_environ), said.append, clock)
    rotation.run(HALF_A_YEAR, remove_old=False)

    assert len(clock.waits) >= 4
    assert function_works(stack, clock)


def graph_says(code: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": "A refusal of the service."}}).encode()


SOFT_DELETED = bytes(
    VaultError(409, "Conflict", "A refusal of the service.", inner="ObjectIsDeletedButRecoverable").reply().body
)


class WaitingClock(MovableClock):
    """Moves at once, and lets a little of the real time pass, by which the stack goes."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        time.sleep(min(seconds, 0.6))  # the stack's own clock is the real one


@pytest.mark.parametrize(
    ("spoil", "hints"),
    [
        (
            lambda stack: stack.vault.officers.clear(),
            ("403", "Key Vault Secrets Officer", "request id"),
        ),
        (
            lambda stack: stack.graph.applications.owners.clear(),
            ("403", "az ad app owner add", "--owner-object-id ", "request id"),
        ),
        (lambda stack: stack.vault.faults.add(Fault(status=403, every=3)), ("403",)),
        (lambda stack: stack.graph.faults.add(Fault(status=500, path="addPassword")), ("500",)),
        (
            lambda stack: stack.graph.faults.add(
                Fault(status=400, path="addPassword", body=graph_says("CredentialInvalidLifetimeAsPerAppPolicy"))
            ),
            ("CredentialInvalidLifetimeAsPerAppPolicy", "rotate-secret --days 30"),
        ),
        (
            lambda stack: stack.graph.faults.add(
                Fault(status=400, path="addPassword", body=graph_says("Request_BadRequest"))
            ),
            ("400 Request_BadRequest", "does not take this change of the app registration"),
        ),
        (
            lambda stack: stack.vault.faults.add(Fault(status=409, body=SOFT_DELETED, every=3)),
            ("ObjectIsDeletedButRecoverable", f"az keyvault secret recover --vault-name 127.0.0.1 -n {SECRET_NAME}"),
        ),
    ],
    ids=[
        "no officer",
        "no owner",
        "the vault stores nothing",
        "Graph fails",
        "a policy",
        "a bad question",
        "soft-deleted",
    ],
)
def test_what_is_refused_is_said_and_undone(
    stack: LocalStack,
    run_cli: RunCli,
    clock: MovableClock,
    spoil: Callable[[LocalStack], None],
    hints: tuple[str, ...],
) -> None:
    before = passwords(stack)
    spoil(stack)

    done = run_cli("rotate-secret", environ=stack.operator_environ)

    assert done.returncode == 1
    for hint in hints:
        assert hint in done.stderr
    assert "<your object id>" not in done.stderr
    assert "USER_FILTER" not in done.stderr
    assert passwords(stack) == before
    stack.vault.faults.clear()
    assert function_works(stack, clock)


def test_the_functions_own_identity_may_not_rotate(stack: LocalStack, run_cli: RunCli) -> None:
    done = run_cli("rotate-secret")

    assert done.returncode == 1
    assert "403 Authorization_RequestDenied" in done.stderr
    assert len(passwords(stack)) == 1


@pytest.mark.parametrize("kind", ["certificate", "federated"])
def test_there_is_nothing_to_rotate_without_a_secret(stack: LocalStack, run_cli: RunCli, kind: str) -> None:
    done = run_cli("rotate-secret", environ={**stack.operator_environ, "GRAPH_CREDENTIAL": kind})

    assert done.returncode == 2
    assert f"GRAPH_CREDENTIAL: is {kind}" in done.stderr


def test_a_rotation_without_a_secret_is_a_settings_error(stack: LocalStack) -> None:
    settings = Settings.from_mapping({**stack.environ, "GRAPH_CREDENTIAL": "federated"})

    with pytest.raises(SettingsError):
        secret_rotation(settings, print)


def stopped_while_storing(stack: LocalStack, number: int) -> subprocess.CompletedProcess[str]:
    """Send a signal to a rotation while the vault takes its time to store, and let the vault then not store."""
    # The first is the challenge, the second lists the versions.
    stack.vault.faults.add(Fault(status=503, delay=3, headers={"Retry-After": "0"}, on_request=3))
    child = subprocess.Popen(
        [sys.executable, "-m", "due_notices", "rotate-secret"],
        cwd=ROOT,
        env=process_environment(stack.operator_environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while len([r for r in stack.vault.requests if r.path.startswith("/secrets/")]) < 3:
        assert time.monotonic() < deadline, "the rotation never came to store"
        assert child.poll() is None, child.communicate()
        time.sleep(0.05)
    child.send_signal(number)
    out, err = child.communicate(timeout=30)
    assert secrets_in(out + err) == []
    return subprocess.CompletedProcess([], child.returncode, out, err)


def test_interrupted_while_storing_it_removes_the_new_password(stack: LocalStack, clock: MovableClock) -> None:
    done = stopped_while_storing(stack, signal.SIGTERM)

    assert done.returncode == 130
    assert "removed the new password" in done.stderr
    assert passwords(stack) == [None]
    assert function_works(stack, clock)


def test_killed_while_storing_it_leaves_an_orphan_that_the_next_one_removes(
    stack: LocalStack, run_cli: RunCli, clock: MovableClock
) -> None:
    done = stopped_while_storing(stack, signal.SIGKILL)
    assert done.returncode == -signal.SIGKILL
    assert len(passwords(stack)) == 2
    assert function_works(stack, clock)
    stack.vault.faults.clear()

    cleaned = run_cli("rotate-secret", "--remove-old", "--json", environ=stack.operator_environ)

    assert json.loads(cleaned.stdout)["orphans"] == 1
    assert len(passwords(stack)) == 2  # the one made by hand, and the newest
    assert function_works(stack, clock)


def test_nothing_can_be_passed_as_an_argument() -> None:
    from due_notices.commands.rotate_secret.command import rotate_secret

    names: set[Any] = {parameter.name for parameter in rotate_secret.params}
    assert names == {"days", "remove_old", "as_json"}
