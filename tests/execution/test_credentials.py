"""Credentials: found in the environment or the keyring, and shown nowhere."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from dataclasses import asdict, dataclass

import keyring
import msgspec
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import NoKeyringError, PasswordSetError

from sptrader.errors import BrokerError
from sptrader.execution.credentials import Secret, hide, load_credentials, save_credential, variable

PLANTED = "hunter2-7f3a9c"


class Memory(KeyringBackend):
    """A keyring in memory, of equal rank."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.is_open = True

    def get_password(self, service: str, username: str) -> str | None:
        if not self.is_open:
            raise NoKeyringError
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if not self.is_open:
            raise PasswordSetError(f"cannot keep {password}")
        self.kept[service, username] = password


@pytest.fixture(autouse=True)
def ring():
    before, ours = keyring.get_keyring(), Memory()
    keyring.set_keyring(ours)
    yield ours
    keyring.set_keyring(before)


@dataclass
class Holder:
    token: Secret


def test_a_secret_is_never_shown(caplog):
    secret = Secret(PLANTED)
    with caplog.at_level(logging.INFO):
        logging.getLogger("a").info("token %s %r", secret, secret)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>40}",
        repr(Holder(secret)),
        repr([secret]),
        str(asdict(Holder(secret))),
        repr(copy.deepcopy(secret)),
        json.dumps({"token": secret}, default=str),
        caplog.text,
    ]

    assert [text for text in shown if PLANTED in text] == []
    assert secret.reveal() == PLANTED


@pytest.mark.parametrize("write", [pickle.dumps, json.dumps, msgspec.json.encode, msgspec.msgpack.encode])
def test_a_secret_is_not_written_down(write):
    with pytest.raises((TypeError, pickle.PicklingError)) as error:
        write(Secret(PLANTED))

    assert PLANTED not in "".join(traceback.format_exception(error.value))


def test_a_secret_does_not_change_and_is_compared_by_what_it_is():
    secret = Secret(f" {PLANTED}\n")
    with pytest.raises(AttributeError):
        secret.text = "other"

    assert secret == Secret(PLANTED)
    assert secret != Secret("something-else")
    assert secret != PLANTED
    assert hash(secret) == hash(Secret("something-else"))


def test_the_environment_comes_first_and_the_accounts_own_before_the_brokers(ring):
    ring.set_password("sptrader/oanda/101-004", "token", "from-keyring")
    everyone = {"SPTRADER_OANDA_TOKEN": "for-everyone"}
    own = {**everyone, "SPTRADER_OANDA_101_004_TOKEN": PLANTED}

    for environ, expected in ((own, PLANTED), (everyone, "for-everyone"), ({}, "from-keyring")):
        found = load_credentials("oanda", "101-004", ["token"], environ=environ)
        assert found["token"].reveal() == expected


def test_what_is_missing_is_told_by_name_and_never_by_value(ring):
    ring.is_open = False  # no keyring on this machine
    with pytest.raises(BrokerError) as error:
        load_credentials("oanda", "101", ["token", "key"], environ={"SPTRADER_OANDA_KEY": PLANTED})

    text = str(error.value)
    assert (
        "token (SPTRADER_OANDA_101_TOKEN or SPTRADER_OANDA_TOKEN, or 'token' in the keyring's 'sptrader/oanda/101')"
        in text
    )
    assert PLANTED not in text


def test_errors_of_the_keyring_do_not_carry_the_secret(ring):
    ring.is_open = False
    with pytest.raises(BrokerError) as error:
        save_credential("oanda", "101", "token", Secret(PLANTED))

    assert PLANTED not in "".join(
        traceback.format_exception(error.value, chain=error.value.__suppress_context__ is False)
    )
    assert "SPTRADER_OANDA_101_TOKEN" in str(error.value)


def test_what_is_saved_is_found():
    save_credential("oanda", "101", "token", Secret(PLANTED))
    found = load_credentials("oanda", "101", ["token"], environ={})

    assert found["token"] == Secret(PLANTED)
    assert PLANTED not in repr(found)
    with pytest.raises(BrokerError, match="'key' of account '101'"):
        found["key"]


def test_texts_of_others_are_blotted_out():
    found = load_credentials("x", "1", ["a", "b"], environ={"SPTRADER_X_A": "abcd", "SPTRADER_X_B": "abcdef"})

    assert found.hide("Bearer abcdef failed, abcd") == "Bearer ******** failed, ********"
    assert hide("nothing", []) == "nothing"


def test_a_secret_too_short_to_be_one_is_refused():
    with pytest.raises(BrokerError, match="'a' of account '1' at 'x': a secret had 2 characters"):
        load_credentials("x", "1", ["a"], environ={"SPTRADER_X_A": "ab"})


def test_names_of_variables():
    assert variable("ib", "DU-12 3", "token") == "SPTRADER_IB_DU_12_3_TOKEN"
