"""Stories: what goes wrong at an invented company that sells and ships things, as sentences with gaps to fill."""

from typing import NamedTuple

OWNERS = [
    "Clara Wynholt", "Dana Orlowe", "Felix Brandaro", "Greta Lindqvar", "Hugo Santerre", "Ines Marlowe-Reed",
    "Jonas Whitlaw", "Leonie Abarra", "Mira Solbakken", "Noor Castellane", "Okan Driessel", "Priya Vennar",
    "Rafi Mendoval", "Sam Aldourne", "Tomas Keelan", "Yuki Tamberra",
]  # fmt: skip
SERVICES = [
    "accounts", "billing", "checkout", "image-store", "ledger", "login", "mail-relay", "mobile-api", "parcel-tracking",
    "reports", "scheduler", "search", "storefront", "warehouse-sync",
]  # fmt: skip
WORDS: dict[str, list[object]] = {
    "pct": [3, 4, 6, 8, 11, 12, 17, 20, 24, 31, 38, 45, 60],
    "n": [12, 19, 27, 40, 58, 83, 120, 214, 390, 650, 1100, 2400],
    "ms": [480, 620, 850, 1200, 1900, 2400, 3800, 6000, 9000],
    "min": [3, 5, 8, 10, 15, 20, 25, 40],
    "site": ["north", "south", "east", "west", "harbour", "hillside"],
    "host": ["node-03", "node-07", "node-11", "node-14", "node-22", "db-1", "db-2", "edge-4", "edge-9"],
    "version": ["4.12", "4.13", "4.15.2", "5.0", "5.0.1", "5.2", "5.3.1", "5.7", "6.0", "6.1"],
    "queue": ["orders", "labels", "receipts", "thumbnails", "refunds", "stock", "reminders", "exports"],
    "payer": ["Quillpay", "Kestrel Cards", "Tallowbank"],
    "carrier": ["Osterfell Freight", "Brightpost", "Marrow & Sons"],
    "mailer": ["Mailwren", "Pennant Mail", "Pingmoor"],
    "browser": ["an older browser", "older tablets", "the Android app", "the iOS app", "embedded views"],
    "flag": ["new-basket", "fast-index", "two-step", "eager-labels", "slim-images", "batch-refunds"],
    "day": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
}


class Case(NamedTuple):
    """One course of events: its possible titles, and what people wrote at the start, underway and at the end."""

    titles: tuple[str, ...]
    text: str
    look: str
    fix: str


class Story(NamedTuple):
    """One kind of trouble: how often, how bad (weights of critical, high, medium, low), its tags, where, its cases."""

    weight: int
    severity: tuple[int, int, int, int]
    tags: list[str]
    services: list[str]
    cases: list[Case]


STORIES = [
    Story(10, (1, 6, 10, 3), ["latency", "database"], [], [
        Case(
            ("{service} slow: p95 at {ms} ms", "{service} latency doubled after {version}"),
            "p95 went from under 200 ms to {ms} ms within {min} minutes. About {pct} % of the requests are hit.",
            "One query reads the whole table since {version}; its index is not used.",
            "Added the missing index; p95 is back below 200 ms.",
        ),
        Case(
            ("Slow answers from {service} in {site}", "{service}: {n} requests wait for a lock"),
            "Pages wait for {service}. People notice it most in {site}; nothing fails, but it drags.",
            "Lock waits on {host}: one long transaction holds {n} rows.",
            "Ended the transaction and gave its like a time limit of {min} minutes.",
        ),
        Case(
            ("{service} waits for connections", "Connection pool of {service} is empty"),
            "{pct} % of the calls take over {ms} ms, nearly all of it before the first query.",
            "The pool is full: {n} callers wait. A report keeps its connection while it renders.",
            "The report gives its connection back first. Longest wait since: 4 ms.",
        ),
    ]),
    Story(9, (3, 8, 7, 1), ["deploy", "errors"], [], [
        Case(
            ("Errors from {service} after {version}", "{service} {version} answers 500 for {pct} % of requests"),
            "Since {version} went out {pct} % of the requests fail with 500. The log names a missing setting.",
            "Only nodes that started after the change of {flag} fail.",
            "Put the setting in place on every node and restarted them one by one.",
        ),
        Case(
            ("{service}: error rate up since the release", "{service} {version} fails on {host}"),
            "The release looked good on one node. With all nodes on {version} errors rose to {pct} %.",
            "The log shows a missing key on {host}; the others read it from the old file.",
            "Rolled back to the release before {version}. Errors stopped within {min} minutes.",
        ),
        Case(
            ("{flag} breaks {service}", "{service} fails for {pct} % with {flag} on"),
            "Turning {flag} on for {site} brought {n} errors in {min} minutes.",
            "The new path expects a field that old clients do not send.",
            "Turned {flag} off; a fix follows with the next release.",
        ),
    ]),
    Story(7, (1, 5, 8, 4), ["queue", "backlog"],
          ["billing", "mail-relay", "scheduler", "warehouse-sync", "image-store", "parcel-tracking"], [
        Case(
            ("{queue} queue of {service} grows", "{service}: {queue} jobs {min} minutes late"),
            "Workers take fewer jobs than arrive. {queue} is {min} minutes behind and the gap widens.",
            "A few huge jobs block the rest; each takes {min} minutes.",
            "Moved the huge jobs to a queue of their own. The backlog was gone after {min} minutes.",
        ),
        Case(
            ("{n} jobs wait in {queue}", "Workers of {service} stand still"),
            "After the batch on {day} the {queue} queue did not drain. Nothing is lost, all of it is late.",
            "Half of the workers on {host} sit idle: they lost their lease and did not notice.",
            "Restarted the idle workers and doubled them until the queue was empty.",
        ),
    ]),
    Story(6, (4, 9, 4, 0), ["payments", "partner"], ["billing", "checkout"], [
        Case(
            ("{payer} declines {pct} % of payments", "Payments through {payer} time out"),
            "{payer} answers slowly or not at all. {pct} % of the payments end in an error, buyers try again.",
            "{payer} confirms trouble on their side and promises news in {min} minutes.",
            "{payer} is healthy again. Ran the open payments once more: {n} settled, none left.",
        ),
        Case(
            ("Double charges through {payer}", "{n} buyers charged twice by {payer}"),
            "{n} buyers saw an error although {payer} took the money. The ledger has both entries.",
            "Our retry sends the payment again without its key; that is where the doubles come from.",
            "Retries carry their key again. Refunded {n} double charges.",
        ),
    ]),
    Story(7, (0, 4, 9, 5), ["disk", "capacity"], [], [
        Case(
            ("Disk on {host} nearly full", "Log volume of {host} fills up"),
            "The log volume of {host} grows by {pct} % a day and will be full on {day}.",
            "Debug logging was left on after the last incident.",
            "Turned debug logging off, and set an alarm at 70 %.",
        ),
        Case(
            ("{service}: {host} runs out of space", "Old exports fill {host}"),
            "Old exports of {service} are never removed. {n} GB of them fill {host}.",
            "The clean-up job fails every night since {version}.",
            "Removed {n} GB of old exports and repaired the clean-up job.",
        ),
    ]),
    Story(6, (1, 5, 6, 2), ["login", "security"], ["accounts", "login", "mobile-api"], [
        Case(
            ("People are signed out after {min} minutes", "Login fails for {pct} % in {site}"),
            "Sessions end after {min} minutes instead of thirty days. It began with {version}.",
            "Two nodes sign sessions with another key.",
            "All nodes use the same key again. Everyone has to sign in once more.",
        ),
        Case(
            ("Second factor does not arrive", "Codes from {mailer} come {min} minutes late"),
            "{n} people wrote that the code for the second factor never came, all of them through {mailer}.",
            "{mailer} holds messages back: we are over their limit for {site}.",
            "{mailer} raised our limit; codes arrive within seconds.",
        ),
    ]),
    Story(5, (0, 2, 8, 7), ["search", "index"], ["search", "storefront"], [
        Case(
            ("Search misses new articles", "Search index of {site} is {min} minutes old"),
            "Articles added on {day} cannot be found. The index was last written {min} minutes before.",
            "The indexer stops at a text with a broken character.",
            "The indexer skips what it cannot read and reports it. Index rebuilt in {min} minutes.",
        ),
        Case(
            ("Search finds sold-out articles first", "Old search results in {site}"),
            "Results in {site} come from an old copy. About {pct} % of the searches are hit.",
            "{host} serves the copy of {day} and takes no updates.",
            "Took {host} out, rebuilt its copy, put it back.",
        ),
    ]),
    Story(6, (0, 3, 8, 6), ["mail", "partner"], ["mail-relay", "accounts"], [
        Case(
            ("Receipts arrive {min} minutes late", "{mailer} slows our mail down"),
            "{n} receipts wait for {mailer}. Buyers ask whether their order went through.",
            "{mailer} throttles us: too many connections.",
            "Fewer connections, larger batches. The backlog is out.",
        ),
        Case(
            ("{pct} % of mails land in spam", "Mail to {n} addresses bounces"),
            "Since {day} mail to some providers bounces: our address is on a list.",
            "One newsletter used the address for receipts, and people marked it as spam.",
            "Newsletters go out from an address of their own. The list let us off.",
        ),
    ]),
    Story(6, (0, 3, 8, 6), ["stock", "sync"], ["warehouse-sync", "storefront", "checkout"], [
        Case(
            ("Stock in {site} is wrong by {n}", "Sold-out articles can be bought in {site}"),
            "The count in {site} differs from the shelf for {n} articles. {pct} % of them show as available.",
            "The nightly correction ran against an old copy.",
            "The correction reads live data. Counted again: {site} is in step.",
        ),
        Case(
            ("Warehouse {site} not in step", "{service}: parcels of {site} counted twice"),
            "Changes from the warehouse in {site} arrive twice since {version}, so the stock drifts.",
            "The scanner in {site} sends each parcel twice when its radio is weak.",
            "Doubles are dropped now. Corrected {n} articles.",
        ),
    ]),
    Story(5, (0, 3, 8, 5), ["partner", "tracking"], ["parcel-tracking"], [
        Case(
            ("No news from {carrier} since {day}", "Parcels of {carrier} stuck at 'on its way'"),
            "{carrier} sends no events. {n} parcels look lost although they have been delivered.",
            "{carrier} changed a date format without telling anyone.",
            "We read both date formats and replayed {n} events.",
        ),
        Case(
            ("Labels for {carrier} cannot be printed", "{carrier} refuses addresses in {site}"),
            "The label service of {carrier} refuses addresses in {site} with a message about the postcode.",
            "Their list of postcodes lacks the ones that are new since {day}.",
            "{carrier} loaded the new list. Printed {n} labels that had waited.",
        ),
    ]),
    Story(5, (0, 1, 6, 10), ["frontend", "regression"], ["storefront", "mobile-api", "checkout"], [
        Case(
            ("Button has no effect in {browser}", "{service}: page stays still in {browser}"),
            "With {version} the page in {browser} stays still. Everything else is fine.",
            "The new script uses a call that is missing in {browser}.",
            "Shipped a fallback for {browser}.",
        ),
        Case(
            ("Images missing in {browser}", "Basket is empty after going back in {browser}"),
            "{n} reports since {day}, all from {browser}. A reload helps for a moment.",
            "The cache holds the page of the old release with the scripts of the new one.",
            "Pages and scripts now carry the same version. Cleared the cache.",
        ),
    ]),
    Story(5, (0, 2, 6, 8), ["reports", "batch"], ["reports", "ledger", "billing"], [
        Case(
            ("Report of {day} is empty", "Nightly run of {service} ended early"),
            "The run stopped after {n} of its parts. Finance waits for the figures of {day}.",
            "The run met a currency that it does not know.",
            "Added the currency, and a test for unknown ones. Ran it again; figures sent.",
        ),
        Case(
            ("Totals of {service} and the bank differ", "{n} refunds missing in {service}"),
            "The sum is off by the refunds of {day}: {n} entries are on one side only.",
            "The run started before the import had ended.",
            "The run now waits for the import. Ran it again by hand; the sums agree.",
        ),
    ]),
    Story(4, (3, 6, 4, 1), ["network", "outage"], [], [
        Case(
            ("{service} cannot be reached from {site}", "{site}: no way to {service}"),
            "Checks from {site} fail for {min} minutes now; all else is fine. {pct} % of our visitors come from there.",
            "A line card in {site} drops packets over a certain size.",
            "The provider replaced the card. Loss is at zero.",
        ),
        Case(
            ("Packet loss between {site} and {host}", "{service}: connections to {host} break"),
            "Connections to {host} break after a few seconds. The provider has opened a ticket.",
            "Traffic goes the long way round through another site.",
            "Sent the traffic of {site} elsewhere for {min} minutes, and back again.",
        ),
    ]),
    Story(4, (1, 4, 5, 3), ["memory", "restart"], [], [
        Case(
            ("{service} restarts every {min} minutes", "Memory of {service} on {host} grows"),
            "Memory climbs by {n} MB an hour until the process is killed. It began with {version}.",
            "A cache without a bound keeps one entry for each visitor.",
            "The cache has a bound now. Memory is flat.",
        ),
        Case(
            ("{host}: {service} killed for memory", "An export takes {service} down"),
            "One request in a while asks for everything at once and takes the process down.",
            "The export builds its whole file in memory.",
            "The export is streamed. Largest process: {n} MB.",
        ),
    ]),
    Story(3, (2, 5, 4, 2), ["certificate", "security"], [], [
        Case(
            ("Certificate of {service} ends in {min} days", "Renewal of certificates failed on {host}"),
            "The certificate of {host} was not renewed: the check for the name gets no answer.",
            "The rule that lets the check through was removed on {day}.",
            "Renewed, and an alarm now comes thirty days before the end.",
        ),
        Case(
            ("{service}: certificate is not valid in {site}", "{service} refused by clients in {site}"),
            "Clients in {site} refuse {service}. One node still shows the old certificate.",
            "The node did not reload after the renewal.",
            "Reloaded {host}; every node shows the new certificate.",
        ),
    ]),
    Story(3, (0, 2, 5, 9), ["alerts", "noise"], [], [
        Case(
            ("Alarm for {service} rings without reason", "{n} false alarms for {service}"),
            "The alarm rang {n} times since {day}; each time everything was fine.",
            "It looks at one minute only; a single slow answer is enough.",
            "It looks at ten minutes now, and at a share instead of one answer.",
        ),
        Case(
            ("No alarm although {service} was down", "Monitoring of {site} has gaps"),
            "{service} was down for {min} minutes and nobody was told.",
            "The probe ran on the very node that was down.",
            "Probes run from two sites that have nothing to do with each other.",
        ),
    ]),
    Story(3, (1, 3, 6, 3), ["data", "migration"], ["accounts", "ledger", "billing", "reports"], [
        Case(
            ("Migration of {service} stopped halfway", "{service}: migration stuck at {pct} %"),
            "The change of the table stopped after {pct} %. Reads work, some writes fail.",
            "Old and new nodes ran side by side for {min} minutes and waited for each other.",
            "Went on with the migration in small steps; done, checked against the backup.",
        ),
        Case(
            ("{n} rows of {service} cannot be read", "{service}: rows damaged since {version}"),
            "{n} rows were written by an old node while the new layout was in place already.",
            "The backup of this morning holds all of them.",
            "Restored {n} rows from the backup.",
        ),
    ]),
    Story(3, (0, 1, 5, 6), ["images", "cache"], ["image-store", "storefront"], [
        Case(
            ("Wrong pictures on articles", "Pictures of {n} articles mixed up"),
            "Some articles show the picture of another. It comes from the cache: around it all is right.",
            "Two articles share one key when their numbers differ in case only.",
            "Keys keep their case. Emptied the cache of {site}.",
        ),
        Case(
            ("Thumbnails missing in {site}", "{n} thumbnails were never made"),
            "{n} thumbnails were never made; the worker gives up on large files.",
            "Files over {n} MB end the worker.",
            "Large files are made smaller first; made the {n} missing ones.",
        ),
    ]),
]  # fmt: skip
