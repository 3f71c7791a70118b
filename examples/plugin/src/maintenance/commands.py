"""Commands: `arlen maintenance on | off | status`."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from arlen_core.commands import Result

__all__ = ["Switch"]


class Switch:
    """Begin the work, end it, or say how things stand; every process of the application notices.

    Args:
        file: says that work is done, and why.
    """

    name = "maintenance"
    help = "answer with 503 while work is done: on, off or status"

    def __init__(self, file: Path) -> None:
        self.file = file

    def configure(self, parser: ArgumentParser) -> None:
        """Add the action, and the reason."""
        parser.add_argument("action", choices=["on", "off", "status"])
        parser.add_argument("reason", nargs="?", default="we are working on it", help="on: what people read")

    def run(self, args: Namespace) -> Result:
        """Do it; the answer says whether work is done now."""
        if args.action == "on":
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text(args.reason, "utf-8")
        elif args.action == "off":
            self.file.unlink(missing_ok=True)
        on = self.file.is_file()
        return Result({"maintenance": on}, f"maintenance is {'on' if on else 'off'}")
