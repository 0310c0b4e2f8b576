"""What one configuration is made into: a data plane's parts and a control plane's view, over what lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from gateway.admin.control import Control, Reload
from gateway.core.errors import Problem
from gateway.core.types import Call, Model
from gateway.edge.app import Parts
from gateway.edge.uses import Uses
from gateway.factory.ceilings import all_scopes, build_book
from gateway.factory.explanation import Explainer
from gateway.factory.lasting import Lasting
from gateway.factory.targets import build_models
from gateway.factory.upstreams import Upstreams
from gateway.limits.book import Book
from gateway.media.store import MediaStore
from gateway.pipeline.ledger import Admission
from gateway.pipeline.pipeline import Keeps, Pipeline
from gateway.resilience.failover import Failover
from gateway.routing.router import Router
from gateway.settings import Settings
from gateway.settings.shown import fingerprint, redacted

LAST_BYTES_S = 60.0
"""What a client has to take the last of a reply, when the call's time is over."""


class Configured(msgspec.Struct, frozen=True):
    """One configuration, ready to be put in force. Another one is another object over the same ``Lasting``."""

    upstreams: Upstreams
    parts: Parts
    control: Control

    @property
    def settings(self) -> Settings:
        return self.control.settings

    @property
    def hash(self) -> str:
        """Of the settings, without their secrets."""
        return self.control.hash


def configure(
    settings: Settings,
    lasting: Lasting,
    upstreams: Upstreams,
    problems: Sequence[Problem] = (),
    *,
    reload: Reload,
    media: MediaStore | None = None,
) -> Configured:
    """Make ``settings`` into parts; nothing that lasts is changed. ``problems`` were found when they were read.

    Takes half a second for 1,000 models, and touches nothing of the event loop: a task for a thread.
    """
    models = build_models(settings, lasting.catalog)
    book = build_book(settings)
    router = _router(models, lasting, upstreams, book, links_are_kept=media is not None)
    parts = Parts(
        identity=lasting.callers.identity(settings),
        models=models,
        pipeline=_pipeline(settings, lasting, upstreams, router, book),
        max_body_bytes=settings.server.max_body_bytes,
        spool_bytes=settings.server.spool_bytes,
        longest_call_s=_longest_total_s(models) + LAST_BYTES_S,
        uses=Uses(),
        media=media,
    )
    control = Control(
        settings=settings,
        hash=fingerprint(redacted(settings)),
        problems=tuple(problems),
        reload=reload,
        models=models,
        base_urls=upstreams.base_urls,
        limits=book.of_scopes(all_scopes(settings)),
        book=book,
        store=lasting.opened.store,
        directory=lasting.opened.directory,
        spending=lasting.opened.spending,
        calls=lasting.opened.calls.reader,
        recent=lasting.recent,
        vitals=lasting.vitals,
        breakers=lasting.breakers,
        alerts=lasting.alerts,
        explainer=Explainer(
            settings, models=models, router=router, book=book, clock=lasting.clock, kept=lasting.callers.keys.named
        ),
        clock=lasting.clock,
    )
    return Configured(upstreams, parts, control)


def _router(
    models: Mapping[str, Model], lasting: Lasting, upstreams: Upstreams, book: Book, *, links_are_kept: bool
) -> Router:
    return Router(
        models,
        lasting.vitals,
        lasting.breakers,
        lasting.random,
        off=upstreams.off,
        budgeted=book.budgeted_providers,
        links_are_kept=links_are_kept,
    )


def _longest_total_s(models: Mapping[str, Model]) -> float:
    return max((target.timeouts.total for model in models.values() for target in model.targets), default=0.0)


def _pipeline(settings: Settings, lasting: Lasting, upstreams: Upstreams, router: Router, book: Book) -> Pipeline:
    clock = lasting.clock
    calls, traces = lasting.opened.calls, lasting.opened.traces
    wanted: list[Keeps] = [calls.keeps] if calls.reads_content else []
    if traces is not None and traces.keeps is not None:
        wanted.append(traces.keeps)
    admission = Admission(
        store=lasting.opened.store,
        book=book,
        clock=clock,
        sleep=asyncio.sleep,
        new_id=lasting.new_id,
        hold_wait_s=float(settings.server.hold_wait_s),
    )
    failover = Failover(
        breakers=lasting.breakers,
        retry_budget=lasting.retry_budget,
        clock=clock,
        sleep=asyncio.sleep,
        random=lasting.random,
    )
    return Pipeline(
        router=router,
        providers=upstreams.providers,
        admission=admission,
        failover=failover,
        vitals=lasting.vitals,
        breakers=lasting.breakers,
        observe=lasting.observers.observe,
        clock=clock,
        max_attempts=settings.server.attempts,
        keeps=_widest(wanted),
    )


def _widest(wanted: Sequence[Keeps]) -> Keeps | None:
    """As much of a call's content as whoever of ``wanted`` wants most; None if nobody wants any, so that no call is
    asked.
    """
    if len(wanted) < 2:
        return wanted[0] if wanted else None

    def keeps(call: Call) -> int:
        return max(each(call) for each in wanted)

    return keeps
