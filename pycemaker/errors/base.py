"""The root of the error tree, and errors as JSON-able data."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar


class PycemakerError(Exception):
    """Anything this project raises on purpose. A subclass inherits what it does not set itself.

    Attributes:
        message: English, for logs; may name facts in braces.
        status: the HTTP status of an answer that this error causes.
        code: the word that programs compare: the class's name, `unknown_metric` of UnknownMetric, unless it sets one.
        sentence: Portuguese, for callers and readers; may name facts in braces.
        field: the part of the request that is at fault; None where no part is.
        shows: the facts that the answer's body carries too, where the error has them.
        retry_after_seconds: the answer's Retry-After where the facts have none; None for no such header.
        facts: what `message` and `sentence` name, and whatever else helps the handler.
    """

    message: ClassVar[str] = "something went wrong"
    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    sentence: ClassVar[str] = "Ocorreu um erro inesperado."
    field: ClassVar[str | None] = None
    shows: ClassVar[tuple[str, ...]] = ()
    retry_after_seconds: ClassVar[int | None] = None

    def __init_subclass__(cls) -> None:
        if "code" not in vars(cls):
            cls.code = re.sub("(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(self.message.format(**facts))

    def in_portuguese(self) -> str:
        """The sentence with its facts."""
        return self.sentence.format(**self.facts)

    def to_facts(self) -> dict[str, Any]:
        """The error as JSON-able data: its class name under `kind`, its facts under `facts`."""
        return {"kind": type(self).__name__, "facts": self.facts}


class InvalidSettings(PycemakerError):
    """Facts: `problems`, one line for each wrong variable; `see`, the file that says more, where it is another one."""

    code = PycemakerError.code
    message = "settings: {problems}"

    def __str__(self) -> str:
        lines = "".join(f"\n  {problem}" for problem in self.facts["problems"])
        see = self.facts.get("see", ".env.example")
        return f"These settings cannot be used:{lines}\nSee {see} for what each one takes."


def descendants(kind: type[PycemakerError]) -> tuple[type[PycemakerError], ...]:
    """Every class below `kind`, depth first, in the order in which they are defined."""
    kinds: list[type[PycemakerError]] = []
    for child in kind.__subclasses__():
        kinds += [child, *descendants(child)]
    return tuple(kinds)


def every_error() -> dict[str, type[PycemakerError]]:
    """Every class of the tree, by its name."""
    return {PycemakerError.__name__: PycemakerError} | {kind.__name__: kind for kind in descendants(PycemakerError)}


def from_facts(described: Mapping[str, Any]) -> PycemakerError:
    """The error that `to_facts` described. Raises KeyError: `described` names no class of this tree."""
    return every_error()[described["kind"]](**described["facts"])
