"""Pattern of mail addresses amid text, as mail servers write them in their replies. Pure."""

import re
from collections.abc import Callable

_BEGIN = r"(?<![^\s<>,;:\"'()\[\]{}@])"
"""Start of a word: only that is tried of each word, so that the time grows with the length of a text and no faster."""

_LOCAL = rf"\"[^\"\r\n]{{1,64}}\"|{_BEGIN}[^\s<>,;:\"'()\[\]{{}}@][^\s<>,;:\"()\[\]{{}}@]*?"
_ESCAPED = (
    r"[=+]40|%(?:25){0,3}40|&#0{0,4}64;?|&#x0{0,4}40;?|&commat;?|\\x40|\\u(?:0040|\{0{0,4}40\})|\\U00000040|\\100"
)
_WORD = r"\s(?:at|arroba)\s|[-_](?:at|arroba)[-_]"
_AT = rf"{_ESCAPED}|\s?[(\[{{<]\s?(?:@|at|a|arroba)\s?[)\]}}>]\s?|\s@\s?|@\s|(?P<at>{_WORD})"
_DOT = r"\.|\s?[(\[{<]\s?(?:\.|dot|ponto|punto)\s?[)\]}>]\s?|\s(?:dot|ponto|punto)\s"
_LABEL = r"[^\s<>,;:\"'()\[\]{}@.&]{1,63}"
_LITERAL = r"\[[0-9A-Fa-f.:IPv]{3,50}\]"

_IS_NAMED = re.compile(r"\b(?:user|recipient|mailbox|address|account|rcpt|for|to)[\s<('\"]+$", re.IGNORECASE)

QUOTED_ADDRESS = re.compile(
    rf"(?P<local>{_LOCAL})(?:[@＠﹫](?P<domain>{_LITERAL}|{_LABEL}(?:(?:{_DOT}){_LABEL}){{0,10}})"
    rf"|(?:{_AT})(?P<spelt_domain>{_LITERAL}|{_LABEL}(?:(?:{_DOT}){_LABEL}){{1,10}}))",
    re.IGNORECASE,
)
"""An address amid text, however its `@` is written; an apostrophe may stand in it (`o'neil@example.com`)."""


def mask_addresses(text: str, mask: Callable[[str, str], str]) -> str:
    """The text with each address replaced by `mask(local part, domain)`."""

    def replace(match: re.Match[str]) -> str:
        if match["at"] and not _IS_NAMED.search(match.string, max(0, match.start() - 20), match.start()):
            return match[0]  # `blocked at example.com`
        return mask(match["local"], match["domain"] or match["spelt_domain"])

    return QUOTED_ADDRESS.sub(replace, text)
