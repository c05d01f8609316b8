"""Builds the links of the chain from the settings, as `bootstrap` builds a run's services."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from due_notices import bootstrap
from due_notices.adapters.clock import SystemClock
from due_notices.adapters.graph_http import GraphHttp
from due_notices.adapters.identity import IdentityToken
from due_notices.adapters.retries import ONCE
from due_notices.clouds import exchange_audience, vault_resource
from due_notices.commands.days_without_tick import DAYS_LOOKED_AT
from due_notices.commands.doctor.graph_probe import GraphProbe
from due_notices.commands.doctor.links import Chain, Link, Probes, links
from due_notices.commands.doctor.service_clock import service_time
from due_notices.commands.doctor.storage_probe import try_queue, try_table
from due_notices.credentials import CredentialKind
from due_notices.ports import Clock
from due_notices.reading import RECORDS_BACK
from due_notices.settings import Settings
from due_notices.time_zones import system_difference


def doctor_links(settings: Settings, clock: Clock | None = None) -> Sequence[Link]:
    """Return the links of the chain for the doctor, idle; they are touched one by one as a run would."""
    clock = clock or SystemClock()
    login = bootstrap.identity(settings)
    federated = settings.credential is CredentialKind.FEDERATED
    resource = exchange_audience(settings.authority_host) if federated else vault_resource(settings.vault_url)
    token = bootstrap.graph_token(settings, clock)
    graph = GraphProbe(
        GraphHttp(settings.graph_endpoint, token, clock, ONCE, bootstrap.graph_names(settings)),
        settings.policy.rules.attribute,
        settings.user_filter,
        settings.opt_out_attribute,
    )

    async def queue() -> bool:
        async with bootstrap.storage_clients(settings) as clients:
            return await try_queue(clients.queue, clients.poison, settings.policy.source)

    async def table() -> None:
        async with bootstrap.storage_clients(settings) as clients:
            await try_table(clients.table)
        async with bootstrap.open_storage(settings, clock) as storage:  # what a run asks of it first
            await storage.ledger.check_owner()
            await storage.ledger.runs(settings.policy.business_date(clock.now()) - RECORDS_BACK)

    discovery = f"{settings.authority_host}/{settings.tenant_id}/v2.0/.well-known/openid-configuration"
    return links(
        Chain(
            settings.policy,
            settings.credential,
            settings.client_id,
            storage_by_identity=settings.storage.connection_string is None,
            opt_out=settings.opt_out_attribute,
        ),
        Probes(
            now=clock.now,
            identity=IdentityToken(login, resource),
            credential=bootstrap.credential_reader(settings, login),
            graph_token=token,
            attribute=graph.attribute,
            opt_out=graph.opt_out,
            users=graph.users,
            values=graph.values,
            queue=lambda: asyncio.run(queue()),
            table=lambda: asyncio.run(table()),
            service_time=lambda: service_time(discovery),
            system_zone=lambda: system_difference(
                str(settings.policy.rules.time_zone), clock.now(), clock.now() + timedelta(days=DAYS_LOOKED_AT)
            ),
        ),
    )
