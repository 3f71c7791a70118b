"""DatabaseContract: what every adapter of the data layer promises.

To prove an adapter, subclass the contract and give the fixture `adapter`: an opened `Database` whose database is empty.
Claim the flags of `Capabilities` that the adapter has:

<!-- not run: there is no such adapter -->

```python
import pytest
from arlen_data.conformance import DatabaseContract


class TestMine(DatabaseContract):
    version = 1
    capabilities = MINE.names()

    @pytest.fixture
    async def adapter(self, tmp_path):
        async with Mine(tmp_path / "test.db") as db:
            yield db
```

The checks make siblings with `adapter.again(**changes)`, for the same database and with other settings. These names
have a meaning, each for those alone who claim the capability:

| setting | capability | meaning |
|---|---|---|
| `size` | `pool` | connections at most |
| `timeout` | `pool` | seconds that a caller waits for a connection |
| `max_waiting` | `pool` | callers that may wait |
| `connect_timeout` | `pool` | seconds that a connection may take to be made |
| `grace` | `pool` | seconds that `close()` waits for what runs |
| `statement_timeout` | `statement_timeout` | seconds that the server gives a statement; 0 is for ever |
| `lock_timeout` | `lock_timeout` | seconds that the server, or the adapter, waits for a lock |
| `statement_cache` | `prepared` | statements that stay prepared on a connection; 0 prepares none |

Who claims `pool` also gives the fixture `engine`, see `arlen_data.conformance.faults`.
"""

from __future__ import annotations

from arlen_conformance import Contract
from arlen_data.capabilities import Capabilities
from arlen_data.conformance.checks.bulk import Bulk
from arlen_data.conformance.checks.cancellation import Cancellation
from arlen_data.conformance.checks.contention import Contention
from arlen_data.conformance.checks.documents import Documents
from arlen_data.conformance.checks.errors import Errors
from arlen_data.conformance.checks.moments import Moments
from arlen_data.conformance.checks.notifications import Notifications
from arlen_data.conformance.checks.pool import Pool
from arlen_data.conformance.checks.prepared import Prepared
from arlen_data.conformance.checks.rows import Rows
from arlen_data.conformance.checks.scalars import Scalars
from arlen_data.conformance.checks.transactions import Transactions
from arlen_data.conformance.saboteurs import bulk, contention, errors, pool, results, transactions, values
from arlen_data.conformance.wrapped import SABOTEURS

__all__ = ["DatabaseContract"]

_FLAGS = [name for name in Capabilities.__struct_fields__ if name not in {"adapter", "dialect"}]


class DatabaseContract(
    Notifications,
    Bulk,
    Errors,
    Prepared,
    Pool,
    Cancellation,
    Contention,
    Transactions,
    Rows,
    Moments,
    Documents,
    Scalars,
    Contract,
    name="data",
    version=1,
    capabilities=_FLAGS,
):
    """What every adapter of the data layer promises; the module tells how to use it."""


_LOADED = (bulk, contention, errors, pool, results, transactions, values)  # importing them names their saboteurs

for _test, _breaks in SABOTEURS:
    DatabaseContract.saboteur(_test)(_breaks)
