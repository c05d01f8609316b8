"""A new client secret: added to the app registration, proven, stored in the vault, and proven from there.

At every moment the newest version in the vault is a secret that works. What a killed rotation leaves behind is a
password that is on the app and not in the vault; it has our name, so the next one with `remove_old` removes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from due_notices.credentials import Password
from due_notices.errors import CredentialError
from due_notices.ports import Clock
from due_notices.secret import Secret, SecretVersion, StoredSecret

KEY_ID_TAG = "keyId"
NOT_KNOWN_YET = "AADSTS7000215"
SPREADING = (2.0, 4.0, 8.0, 15.0, 15.0, 15.0, 15.0, 15.0)  # seconds between tries: Entra takes up to a minute or so


class AppRegistration(Protocol):
    """The passwords of the app registration. All methods may raise CredentialError."""

    def passwords(self) -> Sequence[Password]:
        """Return the passwords that there are."""
        ...

    def add_password(self, display_name: str, ends: datetime) -> tuple[Password, Secret]:
        """Add a password and return it with its value."""
        ...

    def remove_password(self, key_id: str) -> None:
        """Remove a password."""
        ...


class SecretStore(Protocol):
    """The vault. All methods may raise CredentialError."""

    def read(self, name: str) -> StoredSecret:
        """Return the newest version of a secret."""
        ...

    def versions(self, name: str) -> Sequence[SecretVersion]:
        """Return the versions of a secret."""
        ...

    def store(self, name: str, value: Secret, *, expires_on: datetime, tags: Mapping[str, str]) -> str:
        """Store a new version and return its id."""
        ...


Prove = Callable[[Secret], None]
"""Gets a Graph token with a secret; raises CredentialError."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the secret belongs, and how our passwords are named there, so that no others are touched."""

    vault_name: str
    secret_name: str

    @property
    def display_name(self) -> str:
        """The name of all passwords that this command makes for this secret."""
        return f"due-notices {self.vault_name}/{self.secret_name}"


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation has done. `orphans` are removed passwords that were never stored."""

    key_id: str
    version: str
    expires_on: datetime
    removed: int = 0
    orphans: int = 0
    kept: int = 0


@dataclass(slots=True)
class Rotation:
    """One rotation; `say` hears of each step."""

    app: AppRegistration
    vault: SecretStore
    prove: Prove
    clock: Clock
    place: Place
    say: Callable[[str], None]

    def run(self, lifetime: timedelta, *, remove_old: bool) -> Rotated:
        """Rotate; raises CredentialError, after undoing what would do harm. Interruption undoes as well."""
        name = self.place.secret_name
        # Looked at before anything changes: a login that may not read will not be able to write.
        self.app.passwords()
        self.vault.versions(name)
        ends = self.clock.now() + lifetime
        try:
            password, secret = self.app.add_password(self.place.display_name, ends)
        except BaseException:
            self.say("should the app have got a password all the same, the next rotate-secret --remove-old removes it")
            raise
        self.say(f"added the password {password.key_id} to the app registration")
        try:
            self._prove(secret)
            self.say("a token can be had with it")
            version = self.vault.store(name, secret, expires_on=ends, tags={KEY_ID_TAG: password.key_id})
        except BaseException as error:
            self._undo(password, error)
            raise
        self.say(f"stored it as version {version} of {name}")
        stored = self.vault.read(name)
        if stored.version != version:
            raise CredentialError(
                f"the newest version of {name} is {stored.version} and not {version}, stored just now: another "
                "rotation ran at the same time; nothing was removed"
            )
        self._prove(stored.value)
        self.say("a token can be had with what the vault gives back")
        return self._remove_older(Rotated(password.key_id, version, ends), password, remove=remove_old)

    def _prove(self, secret: Secret) -> None:
        """Get a token, with patience while Entra spreads the news."""
        for wait in (*SPREADING, None):
            try:
                self.prove(secret)
            except CredentialError as error:
                if wait is None or error.code != NOT_KNOWN_YET:
                    raise
                self.clock.sleep(wait)
            else:
                return

    def _undo(self, password: Password, error: BaseException) -> None:
        """Take the new password off the app, unless the vault has it or may have it.

        An answer of the vault that got lost may hide a version that is stored: to remove its password would
        leave the function with a secret that does not work.
        """
        try:
            if self._is_stored(password.key_id):
                self.say("it is stored in the vault all the same, so it was left on the app; call again to make sure")
                return
            self.app.remove_password(password.key_id)
        except CredentialError as second:
            error.add_note(str(second))
            self.say(
                f"the password {password.key_id} may still be on the app registration; the next rotate-secret "
                "--remove-old removes it"
            )
        else:
            self.say("removed the new password from the app registration again; the old secret is untouched")

    def _is_stored(self, key_id: str) -> bool:
        return key_id in self._known_key_ids()

    def _known_key_ids(self) -> frozenset[str]:
        versions = self.vault.versions(self.place.secret_name)
        return frozenset(version.tags[KEY_ID_TAG] for version in versions if KEY_ID_TAG in version.tags)

    def _remove_older(self, done: Rotated, new: Password, *, remove: bool) -> Rotated:
        """Remove, or count, the passwords of ours that are older than the new one."""
        known = self._known_key_ids()
        older = [
            each
            for each in self.app.passwords()
            if each.key_id != new.key_id
            and each.start <= new.start
            and (each.display_name == self.place.display_name or each.key_id in known)
        ]
        if not remove:
            return Rotated(done.key_id, done.version, done.expires_on, kept=len(older))
        for each in older:
            self.app.remove_password(each.key_id)
            self.say(f"removed the older password {each.key_id}")
        orphans = sum(each.key_id not in known for each in older)
        return Rotated(done.key_id, done.version, done.expires_on, removed=len(older), orphans=orphans)
