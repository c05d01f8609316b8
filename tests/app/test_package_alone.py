"""What is published is enough: a tick runs in the package alone, with nothing of the repository beside it."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

from local.clock import now
from local.customers import sample_customers
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.app.conftest import ROOT, StartWorker, report_of
from tests.infra.package_rules import packed


def test_a_tick_sends_what_is_owed_in_the_package_alone(
    start_worker: StartWorker, stack: LocalStack, storage_access: StorageAccess, tmp_path: Path
) -> None:
    for path in packed(ROOT):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    stack.graph.users = sample_customers(now().date(), 300)
    stack.graph.directory.page_limit = 100
    stack.secret_rotate(expires_on=now() + timedelta(days=20))  # near its end: the log has a line for it, too
    worker = start_worker(root=tmp_path).started()

    first, second = worker.tick(), worker.tick()

    assert first["ok"], first["message"]
    assert report_of(first)["outcome"] == "completed"
    assert report_of(first)["sent"] == len(storage_access.ids()) > 10
    assert report_of(second)["outcome"] == "already-completed"
