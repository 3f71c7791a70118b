#!/usr/bin/env python3
"""Write data/incidents.csv: some five thousand invented incidents of an invented company, the same ones every time.

`python tools/generate.py [file]`. The seed is fixed and nothing depends on the day: a second run writes the same bytes.
"""

import csv
import io
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stories import OWNERS, SERVICES, STORIES, WORDS, Case

COLUMNS = (
    "id", "title", "service", "severity", "status", "owner", "tags", "opened", "updated", "resolved", "description",
    "notes",
)  # fmt: skip
COUNT = 5000
END = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
DAYS = 3 * 365
SEED = 48
SEVERITIES = ["critical", "high", "medium", "low"]
HOURS = {"critical": 5.0, "high": 14.0, "medium": 55.0, "low": 160.0}  # the middle time to resolve
FRESH = timedelta(days=140)

Row = dict[str, str]
Note = tuple[datetime, str, str]


def main(arguments: list[str]) -> None:
    """Write the file."""
    path = Path(arguments[0]) if arguments else Path(__file__).parents[1] / "data" / "incidents.csv"
    path.write_bytes(render().encode())


def render(count: int = COUNT) -> str:
    """Return the whole file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(count))
    return out.getvalue()


def rows(count: int) -> Iterator[Row]:
    """Yield the incidents, the oldest first."""
    dice = random.Random(SEED)  # noqa: S311  # invented data, not secrets
    for number, moment in enumerate(sorted(_moment(dice) for _ in range(count)), 1):
        yield _row(dice, number, moment)


def _row(dice: random.Random, number: int, opened: datetime) -> Row:
    story = dice.choices(STORIES, [each.weight for each in STORIES])[0]
    service = dice.choice(story.services or SERVICES)
    severity = dice.choices(SEVERITIES, story.severity)[0]
    slots = {name: str(dice.choice(words)) for name, words in WORDS.items()} | {"service": service}
    resolved = _resolved(dice, opened, severity)
    status = "resolved" if resolved else dice.choice(["open", "open", "watching"])
    owner = dice.choice(OWNERS) if status != "open" or dice.random() < 0.75 else ""
    case = dice.choice(story.cases)
    notes = _notes(dice, case, opened, resolved, owner or dice.choice(OWNERS))
    return {
        "id": str(number),
        "title": _capital(dice.choice(case.titles).format(**slots)),
        "service": service,
        "severity": severity,
        "status": status,
        "owner": owner,
        "tags": " ".join(sorted(dice.sample(story.tags, min(len(story.tags), dice.choice([1, 1, 2]))))),
        "opened": _stamp(opened),
        "updated": _stamp(max([resolved or opened, *[moment for moment, _, _ in notes]])),
        "resolved": _stamp(resolved) if resolved else "",
        "description": _capital(case.text.format(**slots)),
        "notes": "\n".join(f"{_stamp(when)} {who}: {_capital(text.format(**slots))}" for when, who, text in notes),
    }


def _moment(dice: random.Random) -> datetime:
    """Pick a moment: most in working hours, few at the weekend, slightly fewer as the years go by."""
    while True:
        day = int((DAYS + 1) * dice.random() ** 0.94)
        hour = dice.choices(range(24), [2] * 6 + [4, 7, 11, 13, 13, 11, 9, 12, 13, 11, 9, 7, 5, 4, 3, 3, 2, 2])[0]
        midnight = END.replace(hour=0, minute=0) - timedelta(days=DAYS - day)
        moment = midnight + timedelta(hours=hour, minutes=dice.randrange(60))
        if moment < END and (moment.weekday() < 5 or dice.random() < 0.35):
            return moment


def _resolved(dice: random.Random, opened: datetime, severity: str) -> datetime | None:
    """Pick when it was resolved, `None` when that is still to come; a few are left lying about for months."""
    hours = HOURS[severity] * dice.choice([0.1, 0.3, 0.5, 0.7, 1, 1, 1.4, 2, 3, 6]) * (0.7 + 0.6 * dice.random())
    forgotten = END - opened < FRESH and dice.random() < 0.05 and severity != "critical"
    end = opened + timedelta(minutes=max(6, int(hours * 60)))
    return None if forgotten or end > END else end


def _notes(dice: random.Random, case: Case, opened: datetime, resolved: datetime | None, owner: str) -> list[Note]:
    texts = [case.look] * (dice.random() < 0.6) + [case.fix] * (resolved is not None)
    end = min(resolved or opened + timedelta(hours=HOURS["medium"]), END)
    made: list[Note] = []
    for place, text in enumerate(texts, 1):
        share = place / len(texts) if resolved else place / (len(texts) + 1)
        moment = opened + timedelta(minutes=int((end - opened) / timedelta(minutes=1) * share))
        made.append((moment, owner if place == len(texts) else dice.choice(OWNERS), text))
    return made


def _capital(text: str) -> str:
    word = text.partition(" ")[0]
    return text[0].upper() + text[1:] if word.islower() and "-" not in word else text  # warehouse-sync stays a name


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    main(sys.argv[1:])
