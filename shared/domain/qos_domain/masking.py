"""Masks what names or reaches a person in free text: telephone numbers, mail addresses, 12-digit numbers.

The text goes into a log that is kept for ever, so in doubt it masks: a sum of ten digits without separators is lost,
a number that gets through is not. Full-width and other decimal digits count as digits. Dates stay readable.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

import msgspec

from qos_domain.events import Event, FeedbackSubmitted, InquiryReceived

# Shorter than anything it replaces, so that a text of the greatest length stays within it; free of digits and "@",
# so that masking again changes nothing.
MASK: Final = "***"

_HYPHENS: Final = r"\-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc\uff0d\uff70"
_BLANKS: Final = r" \u00a0\u00ad\u2000-\u200d\u202f\u2060\u3000\ufeff\t\r\n"
_GAP: Final = rf"[{_BLANKS}{_HYPHENS}.()/_\u00b7\u30fb\u306e~]{{0,3}}"
# Digits with at most a few separators between any two, and a country code's plus sign.
_NUMBER: Final = re.compile(rf"[+(]{{0,2}}[0-9](?:{_GAP}[0-9])+")
_MAIL_PART: Final = r"[A-Za-z0-9.!#$%&'+/=?^_`{|}~-]"
# Each looks back and gives nothing back, so that a text of any shape is read once: comments come from anybody.
_AT: Final = r"[ ]?(?:@|[(\[]at[)\]])[ ]?"
_MAIL: Final = re.compile(rf"(?<!{_MAIL_PART}){_MAIL_PART}++(?:{_AT}[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)+", re.IGNORECASE)
# What the ASCII form misses, such as addresses in Japanese letters.
_OTHER_MAIL: Final = re.compile(rf"(?<![\w.+-])[\w.+-]++(?:{_AT}[\w.-]+)+", re.IGNORECASE)
_DATE: Final = re.compile(r"(?:19|20)\d\d([-/.])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])(?: \d{1,2})?")
_LOCAL_NUMBER: Final = re.compile(rf"\d{{2,4}}[{_HYPHENS}]\d{{4}}")


def mask(text: str) -> str:
    """The text with every such number or address replaced by `***`. Idempotent, never longer than the text."""
    masked = _replace(_MAIL, text)
    masked = _replace(_OTHER_MAIL, masked)
    return _replace(_NUMBER, masked)


def mask_event(event: Event) -> Event:
    """The event with its free text masked; the event itself where there is none."""
    data = event.data
    match data:
        case FeedbackSubmitted(comment=str(text)):
            return msgspec.structs.replace(event, data=msgspec.structs.replace(data, comment=mask(text)))
        case InquiryReceived(topic=str(text)):
            return msgspec.structs.replace(event, data=msgspec.structs.replace(data, topic=mask(text)))
        case _:
            return event


def _replace(pattern: re.Pattern[str], text: str) -> str:
    """As `pattern.sub`, but matching the plain form of each character and keeping the rest of the text as it was."""
    plain = text if text.isascii() else "".join(map(_plain, text))
    parts = []
    end = 0
    for match in pattern.finditer(plain):
        if pattern is _NUMBER and not _is_personal(match[0]):
            continue
        parts += [text[end : match.start()], MASK]
        end = match.end()
    return "".join([*parts, text[end:]]) if parts else text


def _is_personal(number: str) -> bool:
    digits = [each for each in number if each.isdigit()]
    if len(digits) >= 10:
        return _DATE.fullmatch(number) is None
    if "+" in number:
        return len(digits) >= 7
    return (len(digits) == 9 and digits[0] == "0") or _LOCAL_NUMBER.fullmatch(number) is not None


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    """One character for one: any decimal digit as 0-9, full-width forms as ASCII."""
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if "\uff01" <= character <= "\uff5e":
        return chr(ord(character) - 0xFEE0)
    return character
