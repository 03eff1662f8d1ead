"""Tokens: the words, numbers and signs an expression's text is made of."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_TEXT = 1000
MAX_TOKENS = 400

_PATTERN = re.compile(
    r"\s*(?:(?P<number>(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)"
    r"|(?P<parameter>\$[A-Za-z_]\w*)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign><=|>=|==|!=|[-+*/%()<>,.])"
    r"|(?P<end>$)"
    r"|(?P<other>.))",
    re.ASCII | re.DOTALL,
)
_INSTEAD = {
    "=": "equality is written ==",
    "&": "write and",
    "|": "write or",
    "!": "write not",
    "^": "powers are not supported",
}


@dataclass(frozen=True)
class Token:
    """A piece of text at `offset` (characters from the start): `number`, `parameter`, `name`, `sign` or `end`."""

    kind: str
    text: str
    offset: int


class ExpressionError(ValueError):
    """What is wrong with an expression's text, `offset` characters from its start."""

    def __init__(self, sentence: str, offset: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.offset = offset


def tokens(text: str) -> tuple[Token, ...]:
    """Split `text` into tokens, the last of kind `end`; raise `ExpressionError` at what is not part of the language."""
    if len(text) > MAX_TEXT:
        raise ExpressionError(f"the expression has {len(text):,} characters; allowed are {MAX_TEXT:,}.", 0)
    found: list[Token] = []
    position = 0
    while True:
        match = _PATTERN.match(text, position)
        if match is None or match.lastgroup is None:
            raise ExpressionError("the text cannot be read.", position)
        kind, piece = match.lastgroup, match[match.lastgroup]
        offset = match.start(match.lastgroup)
        if kind == "other":
            hint = _INSTEAD.get(piece, "allowed are names, numbers, $parameters, + - * / % ( ) , . and comparisons")
            raise ExpressionError(f"'{piece}' is not part of an expression; {hint}.", offset)
        found.append(Token(kind, piece, offset))
        if kind == "end":
            return tuple(found)
        if len(found) > MAX_TOKENS:
            raise ExpressionError(f"the expression has more than {MAX_TOKENS} words and signs.", offset)
        position = match.end()
