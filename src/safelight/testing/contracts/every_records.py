"""All that every database of records must do, as one suite: inherit it, and give the fixture `records`."""

from safelight.testing.contracts.records import RecordsContract
from safelight.testing.contracts.records_answers import RecordsAnswersContract
from safelight.testing.contracts.records_audit import RecordsAuditContract
from safelight.testing.contracts.records_blocks import RecordsBlocksContract
from safelight.testing.contracts.records_declarations import RecordsDeclarationsContract
from safelight.testing.contracts.records_notes import RecordsNotesContract
from safelight.testing.contracts.records_owners import RecordsOwnersContract
from safelight.testing.contracts.records_places import RecordsPlacesContract
from safelight.testing.contracts.records_reading import RecordsReadingContract
from safelight.testing.contracts.records_sides import RecordsSidesContract


class EveryRecordsContract(
    RecordsContract,
    RecordsNotesContract,
    RecordsOwnersContract,
    RecordsBlocksContract,
    RecordsPlacesContract,
    RecordsReadingContract,
    RecordsAnswersContract,
    RecordsAuditContract,
    RecordsSidesContract,
    RecordsDeclarationsContract,
):
    """The whole contract."""
