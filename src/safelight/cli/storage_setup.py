"""`safelight storage setup`: tell a bucket which pages may upload, what anybody may read, and what it removes."""

import asyncio
import difflib
import json
import re
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.text import Text

from safelight.adapters.s3 import rules
from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.bucket_rules import BucketRules
from safelight.adapters.s3.by_hand import BY_HAND
from safelight.apps.logs import configure_logs
from safelight.apps.storage_setup import (
    NO_ORIGINS,
    Change,
    open_requests,
    plan_setup,
    wanted_cors,
    wanted_lifecycle,
    wanted_policy,
)
from safelight.cli.options import settings
from safelight.cli.tell import confirm, errors_told, misused, out
from safelight.settings import Settings

ARN = re.compile(r"arn:[a-z-]+:iam::[^:]*:[a-z-]+/[^*]+")
COLORS = {"+": "green", "-": "red"}


def setup(
    apply: Annotated[bool, typer.Option("--apply", help="Make the changes, after showing them.")] = False,
    show: Annotated[
        bool, typer.Option("--print", help="Print the rules as JSON for the aws command line, and ask nobody.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the changes are made.")] = False,
    uploader: Annotated[
        str | None,
        typer.Option("--uploader", help="The ARN of whoever may only upload: the policy lets it, and nothing else."),
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="The bucket, s3://bucket?... [SAFELIGHT_STORAGE_URL]")
    ] = None,
) -> None:
    """Tell a bucket which pages may upload, what anybody may read, and what it removes by itself. May be repeated.

    Rules that are not ours stay as they are. Without --apply or --print, the changes are shown alone. What a provider
    has no rules for is told, with what to do by hand.
    """
    if apply and show:
        raise misused("Say only one of --apply and --print.")
    using = settings(storage_url=url)
    configure_logs(using.log_format)
    address = address_of(using)
    if uploader is not None:
        _see_uploader(uploader, address)
    if show:
        _print(address, using, uploader)
        return
    with errors_told():
        asyncio.run(_set_up(address, using, uploader, apply=apply, yes=yes))


def address_of(using: Settings) -> S3Address:
    """Return the bucket that the settings name. Ends the command where they name none."""
    if using.storage_url is None:
        raise misused("There is no bucket: set SAFELIGHT_STORAGE_URL, s3://bucket?..., or say --url.")
    return S3Address.parse(using.storage_url)


def _see_uploader(uploader: str, address: S3Address) -> None:
    """End the command where that is no ARN, or where the bucket's policy could do nothing with it."""
    by_hand = BY_HAND[address.profile.name]
    if not by_hand.names_users:
        raise misused(f"--uploader: a bucket's policy names no users there. {by_hand.uploader}.")
    if not ARN.fullmatch(uploader):
        raise misused(
            "--uploader is an ARN such as arn:aws:iam::123456789012:user/NAME; on Ceph arn:aws:iam:::user/NAME."
        )


def _print(address: S3Address, using: Settings, uploader: str | None) -> None:
    by_hand = BY_HAND[address.profile.name]
    cors = [rule.json() for rule in wanted_cors(address, using)]
    lifecycle = {"Rules": [rule.json() for rule in wanted_lifecycle(address, using)]}
    policy = rules.policy_with({}, wanted_policy(address, uploader))
    put = f"aws s3api {{}} --bucket {address.bucket} --endpoint-url {address.endpoint}"
    for call, option, document, note in (
        ("put-bucket-cors", "--cors-configuration", {"CORSRules": cors}, by_hand.cors),
        ("put-bucket-policy", "--policy", policy, by_hand.policy),
        ("put-bucket-lifecycle-configuration", "--lifecycle-configuration", lifecycle, by_hand.lifecycle),
    ):
        if document == {"CORSRules": []}:
            out.print(f"# {NO_ORIGINS}", markup=False)
            continue
        out.print(f"# {note or f'{put.format(call)} {option} file://FILE'}", markup=False)
        out.print(json.dumps(document, indent=2), markup=False, style="dim" if note else None)
    out.print("# These calls replace all rules of their kind: add to them what the bucket has besides.", markup=False)
    out.print(f"# For credentials that only sign uploads. {by_hand.uploader}", markup=False)
    out.print(json.dumps(rules.policy_with({}, [rules.uploader_statement(address)]), indent=2), markup=False)
    if by_hand.also:
        out.print(f"# {by_hand.also}", markup=False)


async def _set_up(address: S3Address, using: Settings, uploader: str | None, *, apply: bool, yes: bool) -> None:
    """Show the changes, and make them where that is wanted."""
    async with open_requests(address) as requests:
        changes = await plan_setup(BucketRules(requests), address, using, uploader=uploader)
        for change in changes:
            _show(change)
        also = BY_HAND[address.profile.name].also
        if also:
            out.print(f"[bold]also[/bold]: {also}")
        wanted = [(change.name, change.make) for change in changes if change.make is not None]
        if not wanted or not apply:
            out.print("Nothing was changed: --apply does it." if wanted else "Nothing is to be changed.")
            return
        if not yes:
            confirm(f"Change the bucket {address.bucket}?")
        for name, make in wanted:
            await make()
            out.print(f"[green]{name}: done[/green]")


def _show(change: Change) -> None:
    if change.by_hand:
        out.print(f"[bold]{change.name}[/bold]: by hand. ", end="")
        out.print(change.by_hand, markup=False)
        return
    if change.make is None:
        out.print(f"[bold]{change.name}[/bold]: as it should be")
        return
    out.print(f"[bold]{change.name}[/bold]: to be changed")
    for line in _difference(change):
        out.print(Text(line, COLORS.get(line[0], "")))


def _difference(change: Change) -> Iterator[str]:
    """Yield the lines that go, come and stay."""
    before, after = change.before.splitlines(), change.after.splitlines()
    for line in difflib.ndiff(before, after):
        if not line.startswith("?"):
            yield line
