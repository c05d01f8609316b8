"""`rotate-secret`: a new client secret, for operators."""

from __future__ import annotations

import signal
from datetime import timedelta

import click

from due_notices import bootstrap
from due_notices.commands import console
from due_notices.commands.rotate_secret.build import secret_rotation
from due_notices.commands.rotate_secret.rotation import Rotated

_INTERRUPTED = 130


@click.command("rotate-secret", short_help="Make a new client secret and store it in the vault (with your own login).")
@click.option(
    "--days",
    type=click.IntRange(1, 730),
    default=180,
    show_default=True,
    help="How long the new secret is to last.",
)
@click.option(
    "--remove-old",
    is_flag=True,
    help="Remove the older passwords that this command added to the app, those of killed rotations too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON, for programs.")
def rotate_secret(*, days: int, remove_old: bool, as_json: bool) -> int:
    """Add a password to the app registration, store it as the vault's newest version, and prove that it works.

    The secret is never shown. Runs with your own login (`az login`): you own the app registration, and have Key
    Vault Secrets Officer on the vault. The function takes the new secret up by itself; wait a day before
    --remove-old if several apps read this vault.

    If something fails on the way the new password is removed again, and the old secret goes on working. A rotation
    that was killed is cleaned up by the next one with --remove-old.

    \b
    Examples:
      due-notices rotate-secret
      due-notices rotate-secret --days 90 --remove-old
    """
    settings = bootstrap.load_settings()
    screen = console.err()
    rotation = secret_rotation(settings, lambda text: screen.print(console.plain(text)))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # undo as after Ctrl-C
    try:
        done = rotation.run(timedelta(days=days), remove_old=remove_old)
    except KeyboardInterrupt:
        screen.print("interrupted")
        return _INTERRUPTED
    if as_json:
        console.print_json(_to_dict(done))
    else:
        console.out().print(console.plain(_sentence(done), style="green"))
    return 0


def _sentence(done: Rotated) -> str:
    text = f"the vault has a new client secret, good until {done.expires_on:%Y-%m-%d}"
    if done.removed:
        orphans = f", {done.orphans} of them left by rotations that did not end" if done.orphans else ""
        return f"{text}; {done.removed} older removed{orphans}"
    if done.kept:
        return f"{text}; {done.kept} older still work: remove them with --remove-old when no app uses them any more"
    return text


def _to_dict(done: Rotated) -> dict[str, object]:
    return {
        "keyId": done.key_id,
        "version": done.version,
        "expiresOn": done.expires_on.isoformat(),
        "removed": done.removed,
        "orphans": done.orphans,
        "kept": done.kept,
    }
