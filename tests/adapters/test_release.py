"""A claim that another run has taken over meanwhile is not given back."""

from __future__ import annotations

from collections.abc import Mapping

from due_notices.ports import Storage
from tests.adapters.storage_access import StorageAccess
from tests.contract.ledger_rows import FIRST, PARTITION, claimed, holders, keys

ROWS = keys(3)


async def test_what_is_taken_over_between_the_look_and_the_delete_stays(
    storage: Storage, storage_access: StorageAccess
) -> None:
    await claimed(storage.ledger, ROWS)
    pipeline = vars(storage.ledger)["_pipeline"]
    get, looks = pipeline.get, []

    async def get_and_be_overtaken(url: str, headers: Mapping[str, str]) -> object:
        answer = await get(url, headers)
        looks.append(url)
        if len(looks) == len(ROWS):
            changed = {"PartitionKey": PARTITION, "RowKey": ROWS[1], "claimId": "second"}
            storage_access.table.update_entity(changed)
        return answer

    pipeline.get = get_and_be_overtaken

    await storage.ledger.release(PARTITION, ROWS, FIRST)

    pipeline.get = get
    # The transaction is refused as a whole; the claims of the others lapse by themselves.
    assert await holders(storage.ledger, ROWS) == {ROWS[0]: "first", ROWS[1]: "second", ROWS[2]: "first"}
