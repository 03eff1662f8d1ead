"""Credentials: what a broker's account is opened with, from the environment or the system's keyring, and never shown."""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, SupportsIndex

from sptrader.errors import BrokerError

_HIDDEN = "********"
_SHORTEST = 4


class Secret:
    """A text that is never shown: not by `repr`, `str`, formatting, JSON or pickle; only `reveal` gives it out."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        if len(text.strip()) < _SHORTEST:
            raise BrokerError(f"a secret had {len(text.strip())} characters; allowed are {_SHORTEST} or more.")
        object.__setattr__(self, "_Secret__text", text.strip())

    def reveal(self) -> str:
        """Return the text, for the one call that needs it."""
        return str(self.__text)  # type: ignore[attr-defined]  # set past __setattr__

    def __repr__(self) -> str:
        return f"Secret('{_HIDDEN}')"

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, spec: str) -> str:
        return format(_HIDDEN, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.reveal().encode(), other.reveal().encode())

    def __hash__(self) -> int:
        return hash((Secret, _HIDDEN))  # the text's own hash would tell of it

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret does not change")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a secret is not written down: it cannot be pickled")


class Credentials:
    """The secrets of one account at one broker, by name."""

    def __init__(self, broker: str, account: str, secrets: Mapping[str, Secret]) -> None:
        self.broker, self.account = broker, account
        self._secrets = dict(secrets)

    def __getitem__(self, name: str) -> Secret:
        if name not in self._secrets:
            raise BrokerError(
                f"credential '{name}' of account '{self.account}' at '{self.broker}' was not loaded; "
                f"loaded were {', '.join(sorted(self._secrets)) or 'none'}.",
                key=name,
            )
        return self._secrets[name]

    def __repr__(self) -> str:
        return f"Credentials('{self.broker}', '{self.account}', {sorted(self._secrets)})"

    def hide(self, text: str) -> str:
        """Return `text` without any of the secrets: for what others wrote before it is logged or raised."""
        return hide(text, self._secrets.values())


def hide(text: str, secrets: Iterable[Secret]) -> str:
    """Return `text` with every occurrence of every secret blotted out, longest first."""
    for secret in sorted(secrets, key=lambda secret: len(secret.reveal()), reverse=True):
        text = text.replace(secret.reveal(), _HIDDEN)
    return text


def load_credentials(
    broker: str, account: str, names: Sequence[str], *, environ: Mapping[str, str] | None = None
) -> Credentials:
    """Find each of `names`: the environment first, then the system's keyring.

    The variable is `SPTRADER_BROKER_ACCOUNT_NAME`, or `SPTRADER_BROKER_NAME` for all accounts there; in the keyring the
    service is `sptrader/BROKER/ACCOUNT`, the user the name. Nothing else is read: no YAML, no file. Raises `BrokerError`
    that names what was looked for, never a value.
    """
    variables = os.environ if environ is None else environ
    found: dict[str, Secret] = {}
    missing: list[str] = []
    for name in names:
        places = (variable(broker, account, name), variable(broker, name))
        text = next((variables[place] for place in places if variables.get(place, "").strip()), None)
        if text is None:
            text = _from_keyring(broker, account, name)
        if text is None:
            missing.append(f"{name} ({' or '.join(places)}, or '{name}' in the keyring's '{service(broker, account)}')")
            continue
        try:
            found[name] = Secret(text)
        except BrokerError as error:
            raise BrokerError(f"credential '{name}' of account '{account}' at '{broker}': {error}", key=name) from None
    if missing:
        raise BrokerError(
            f"account '{account}' at '{broker}' lacks {'; '.join(missing)}.", key="credentials", value=account
        )
    return Credentials(broker, account, found)


def save_credential(broker: str, account: str, name: str, secret: Secret) -> None:
    """Put a secret into the system's keyring, where `load_credentials` finds it."""
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(service(broker, account), name, secret.reveal())
    except KeyringError as error:
        raise BrokerError(
            f"the system's keyring did not take '{name}' of account '{account}' ({type(error).__name__}); "
            f"set {variable(broker, account, name)} in the environment instead.",
            key=name,
        ) from None


def variable(*words: str) -> str:
    """Return the environment's name of a credential: `SPTRADER_` and the words in capitals, other letters as `_`."""
    return "_".join(["SPTRADER", *(re.sub(r"\W+", "_", word).upper() for word in words)])


def service(broker: str, account: str) -> str:
    """Return under which service the keyring holds an account's credentials."""
    return f"sptrader/{broker}/{account}"


def _from_keyring(broker: str, account: str, name: str) -> str | None:
    """Ask the keyring; None where there is none on this machine, or nothing in it."""
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(service(broker, account), name)
    except KeyringError:
        return None  # no keyring here: what is missing is told by name
