"""The outbox: a folder of messages, for an installation without a mail account."""

import hashlib
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from email.parser import BytesHeaderParser
from pathlib import Path

from pycemaker.errors import MailRefused
from pycemaker.mail.compose import POLICY
from pycemaker.reports.report_model import Delivery

OUTBOX_SENDER = "pycemaker@localhost.localdomain"  # The sender where no mail account is set


@dataclass(frozen=True)
class Outbox:
    """Writes messages as files into `folder`, readable by their owner only.

    A file's name comes from the message's date and Message-ID: a message that is written twice is there once.
    """

    folder: Path

    def __call__(self, content: bytes, email_to: str, on_leaving: Callable[[], None]) -> Delivery:  # noqa: ARG002 - the shape of Send
        """Write the message. Raises MailRefused: the file cannot be written."""
        headers = BytesHeaderParser(policy=POLICY).parsebytes(content)
        sent_at = headers["Date"].datetime.astimezone(UTC)
        path = self.folder / f"{sent_at:%Y%m%dT%H%M%SZ}-{_fingerprint(str(headers['Message-ID']))}.eml"
        on_leaving()
        temporary = path.with_suffix(".new")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
                file.write(content)
            temporary.replace(path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            reason = f"the outbox cannot be written: {error.strerror}"
            raise MailRefused(reason=reason, possibly_sent=False, is_temporary=True) from error
        return Delivery(via="outbox", reply=path.name)

    def remove(self, name: str, message_id: str) -> None:
        """Remove the file of this name, where it is the name of a message with this id."""
        if re.fullmatch(rf"[0-9]{{8}}T[0-9]{{6}}Z-{_fingerprint(message_id)}\.eml", name):
            with suppress(OSError):
                (self.folder / name).unlink()


def _fingerprint(message_id: str) -> str:
    return hashlib.sha256(message_id.encode()).hexdigest()[:8]
