"""A server that is killed, paused, cut off, of another kind or with a lock on its door: said, waited for, nothing lost."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
import redis

from sptrader.errors import StreamError
from sptrader.streams.embedded import EmbeddedServer
from sptrader.streams.redis import Patience, RedisStreams

QUICK = Patience(answer_s=0.2, attempts=3, first_wait_s=0.01, longest_wait_s=0.02)
PATIENT = Patience(answer_s=0.3, attempts=200, first_wait_s=0.01, longest_wait_s=0.05)


@pytest.fixture
def connected():
    made = []

    def connect(url, patience=QUICK, alert=lambda said: None):
        made.append(RedisStreams(url, patience=patience, alert=alert))
        return made[-1]

    yield connect
    for streams in made:
        streams.close()


def numbers(entries):
    return [int(entry.fields["n"]) for entry in entries]


def test_a_killed_server_has_its_data_again(tmp_path, running_server, connected):
    first = EmbeddedServer(tmp_path / "data")
    streams = connected(first.url)
    streams.add_many([("s", {"n": str(n)}) for n in range(100)])
    streams.make_group("g", "s", after="0")
    streams.acknowledge("g", "s", [entry.id for entry in streams.read("g", "a", ["s"], count=30)])
    streams.read("g", "a", ["s"], count=10)
    with redis.Redis.from_url(first.url) as client:  # a server waits for its disk up to two seconds before it writes
        while client.info("persistence")["aof_buffer_length"]:
            time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    with pytest.raises(StreamError, match="cannot be reached") as gone:
        streams.read("g", "a", ["s"])
    first.stop()

    with EmbeddedServer(tmp_path / "data") as second:
        assert second.url == first.url
        assert gone.value.is_failure
        assert numbers(streams.history("s")) == list(range(100))
        assert numbers(streams.claim("g", "b", "s")) == list(range(30, 40))
        assert numbers(streams.read("g", "a", ["s"])) == list(range(40, 100))


def test_a_server_that_lost_its_data_is_said(url, connected):
    streams = connected(url)
    streams.make_group("g", "s", after="0")
    streams.add("s", {"n": "1"})
    with redis.Redis.from_url(url) as client:
        client.flushall()
    streams.add("s", {"n": "2"})

    for _ in range(2):
        with pytest.raises(StreamError, match="lost its data"):
            streams.read("g", "a", ["s"])
    streams.make_group("g", "s", after="0")
    assert numbers(streams.read("g", "a", ["s"])) == [2]


def test_losing_the_data_ends_the_wait_of_a_blocked_reader(url, connected):
    streams = connected(url, Patience())
    streams.make_group("g", "s", after="0")
    with redis.Redis.from_url(url) as client:
        timer = threading.Timer(0.1, client.flushall)
        timer.start()
        with pytest.raises(StreamError, match="lost its data"):
            streams.read("g", "a", ["s"], block_ms=10_000)
        timer.join()


def test_a_paused_server_is_a_stream_error_and_then_goes_on(running_server, url, connected):
    said = []
    quick, patient = connected(url, alert=said.append), connected(url, PATIENT, said.append)
    quick.make_group("g", "s", after="0")
    quick.add("s", {"n": "1"})
    os.kill(running_server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(StreamError, match=r"cannot be reached .* tried 3 times"):
            quick.add("t", {"n": "2"})
        timer = threading.Timer(1.0, os.kill, (running_server.pid, signal.SIGCONT))
        timer.start()
        assert patient.length("s") == 1
        timer.join()
    finally:
        os.kill(running_server.pid, signal.SIGCONT)

    assert numbers(quick.read("g", "a", ["s"])) == [1]
    assert ["trying again" in text for text in said] == [True, True, False]
    assert "is reached again" in said[-1]


def test_a_connection_cut_between_calls_is_made_again(proxy, connected):
    streams = connected(proxy.url)
    streams.make_group("g", "s", after="0")
    for n in range(5):
        proxy.cut()
        streams.add("s", {"n": str(n)})
        proxy.cut()
        assert numbers(streams.read("g", "a", ["s"])) == [n]


def test_a_connection_cut_while_waiting_is_made_again(proxy, url, connected):
    streams, writer = connected(proxy.url, PATIENT), connected(url)
    streams.make_group("g", "s", after="0")
    timers = threading.Timer(0.1, proxy.cut), threading.Timer(0.3, writer.add, ("s", {"n": "1"}))
    for timer in timers:
        timer.start()

    assert numbers(streams.read("g", "a", ["s"], block_ms=10_000)) == [1]
    for timer in timers:
        timer.join()


def test_what_was_delivered_in_a_lost_answer_is_read_first(proxy, url, connected):
    streams, writer = connected(proxy.url), connected(url)
    streams.make_group("g", "s", after="0")
    writer.add_many([("s", {"n": str(n)}) for n in range(30)])
    in_hand = numbers(streams.read("g", "a", ["s"], count=10))
    proxy.keeps_answers.set()
    lost = numbers(streams.read("g", "a", ["s"], count=10))
    rest = numbers(streams.read("g", "a", ["s"], count=100))

    assert (in_hand, lost, rest) == (list(range(10)), list(range(10, 20)), list(range(20, 30)))
    assert streams.pending("g", "s") == 30


def test_a_lost_answer_to_the_first_read_after_claiming_loses_nothing(proxy, url, connected):
    before, writer = connected(url), connected(url)
    writer.make_group("g", "s", after="0")
    writer.add_many([("s", {"n": str(n)}) for n in range(20)])
    before.read("g", "a", ["s"], count=5)
    streams = connected(proxy.url)
    claimed = numbers(streams.claim("g", "a", "s"))
    proxy.keeps_answers.set()

    assert claimed == [0, 1, 2, 3, 4]
    assert numbers(streams.read("g", "a", ["s"], count=10)) == list(range(5, 15))
    assert numbers(streams.read("g", "a", ["s"], count=10)) == list(range(15, 20))


def test_what_was_sent_when_the_answer_was_lost_is_there(proxy, url, connected):
    streams = connected(proxy.url)
    streams.length("s")
    proxy.keeps_answers.set()
    streams.add("s", {"n": "1"})

    # it may be there twice, as the port says: readers know a message by its own id
    assert set(numbers(streams.history("s"))) == {1}


def test_deleted_entries_are_passed_over(url, connected):
    streams = connected(url)
    ids = streams.add_many([("s", {"n": str(n)}) for n in range(5)])
    streams.make_group("g", "s", after="0")
    streams.read("g", "dead", ["s"])
    with redis.Redis.from_url(url) as client:
        client.xdel("s", ids[1], ids[4])

    assert numbers(streams.claim("g", "b", "s")) == [0, 2, 3]
    assert streams.pending("g", "s") == 3


def test_closing_ends_the_wait_of_another_thread(url, connected):
    streams = connected(url, Patience(answer_s=30.0))
    streams.make_group("g", "s", after="0")
    ended = []

    def wait():
        try:
            streams.read("g", "a", ["s"], block_ms=20_000)
        except StreamError as error:
            ended.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    threading.Event().wait(0.1)
    streams.close()
    thread.join(10)

    assert len(ended) == 1


def test_nobody_there_is_said_after_the_tries(connected):
    said = []
    with pytest.raises(StreamError, match=r"127\.0\.0\.1:1 cannot be reached .* tried 3 times") as gone:
        connected("redis://:secret@127.0.0.1:1", alert=said.append).length("s")

    assert "secret" not in f"{gone.value}{said}"
    assert len(said) == 1


def test_patience_ends_by_time_too(connected):
    hasty = Patience(answer_s=0.1, attempts=10**6, first_wait_s=0.01, longest_wait_s=0.02, most_s=0.1)
    with pytest.raises(StreamError, match="cannot be reached"):
        connected("redis://127.0.0.1:1", hasty).length("s")


@pytest.mark.parametrize("url", ["http://host", "host:6379", "", "redis://:secret@host:port"])
def test_an_address_that_is_none_is_refused_without_its_password(url, connected):
    with pytest.raises(StreamError, match="redis://") as refused:
        connected(url)

    assert "secret" not in str(refused.value)


@pytest.fixture
def guarded(url):
    """Let the user `trader` in, with a password, to streams of account `a` only."""
    with redis.Redis.from_url(url) as client:
        client.execute_command(
            "ACL", "SETUSER", "trader", "reset", "on", ">secret", "~*:a", "+@stream", "+@read", "+@write", "-info"
        )
        yield url.replace("unix://", "unix://trader:secret@")
        client.execute_command("ACL", "DELUSER", "trader")


def test_an_acl_user_may_do_what_it_may(guarded, connected):
    said = []
    streams = connected(guarded, alert=said.append)
    streams.add("orders:a", {"n": "1"}, most=1)

    assert numbers(streams.history("orders:a")) == [1]
    assert "does not tell its version" in said[0]
    with pytest.raises(StreamError, match=r"refused.*permission"):
        streams.add("orders:b", {"n": "1"})


def test_a_wrong_password_is_said_at_once(guarded, connected):
    said = []
    with pytest.raises(StreamError, match="refused the user or the password") as refused:
        connected(guarded.replace("secret", "wrong"), alert=said.append).length("orders:a")

    assert said == []
    assert "wrong@" not in str(refused.value)


def test_an_older_server_is_refused(connected):
    told = b"# Server\r\nredis_version:5.0.14\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer_as, args=(listening, told))
        thread.start()
        with pytest.raises(StreamError, match=r"version 5\.0; Redis 6\.2 or newer"):
            connected(f"redis://127.0.0.1:{listening.getsockname()[1]}").length("s")
        thread.join(5)


def answer_as(listening, told):
    """Answer INFO with `told` and all before it with OK, as a server of another version would."""
    connection, _ = listening.accept()
    with connection:
        while asked := connection.recv(4096):
            answers = [b"$%d\r\n%s\r\n" % (len(told), told) if b"INFO" in part else b"+OK\r\n" for part in split(asked)]
            connection.sendall(b"".join(answers))
            if b"INFO" in asked.split(b"SETINFO")[-1]:
                return


def split(asked):
    return [b"*" + part for part in asked.replace(b"SETINFO", b"SETNAME").split(b"*")[1:]]


@pytest.fixture
def certificate(tmp_path):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    request = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    try:
        subprocess.run(
            [*request.split(), "-keyout", str(key), "-out", str(cert)],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("openssl, which makes the test's certificate, is not installed")
    return key, cert


def test_tls_is_spoken_and_checked(url, certificate, connected):
    key, cert = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with socket.create_server(("localhost", 0)) as listening:
        threads = [threading.Thread(target=serve_tls, args=(listening, context, url), daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        address = f"rediss://localhost:{listening.getsockname()[1]}"
        streams = connected(f"{address}?ssl_ca_certs={cert}", Patience(attempts=1))
        streams.add("s", {"n": "1"})
        assert numbers(streams.history("s")) == [1]
        with pytest.raises(StreamError, match="certificate"):
            connected(address, Patience(attempts=1)).length("s")
        streams.close()
        for thread in threads:
            thread.join(5)


def serve_tls(listening, context, url):
    raw, _ = listening.accept()
    try:
        client = context.wrap_socket(raw, server_side=True)
    except OSError:
        raw.close()
        return
    with client, socket.socket(socket.AF_UNIX) as server:
        server.connect(str(Path(url.removeprefix("unix://"))))
        while asked := client.recv(65_536):
            server.sendall(asked)
            client.sendall(server.recv(65_536))


def test_what_was_deleted_while_it_was_pending_is_cleared_when_it_is_claimed(url, connected) -> None:
    streams = connected(url)
    ids = streams.add_many([("s", {"n": str(n)}) for n in range(5)])
    streams.make_group("g", "s", after="0")
    streams.read("g", "dead", ["s"])
    with redis.Redis.from_url(url) as client:
        client.xdel("s", ids[0], ids[3])

    assert numbers(streams.claim("g", "b", "s")) == [1, 2, 4]
    assert streams.pending("g", "s") == 3


def test_what_was_deleted_while_it_was_pending_does_not_hold_up_trimming(url, connected) -> None:
    streams = connected(url)
    ids = streams.add_many([("s", {"n": str(n)}) for n in range(1_500)])
    streams.make_group("g", "s", after="0")
    streams.read("g", "a", ["s"], count=1_500)
    streams.acknowledge("g", "s", ids[1:1_400])
    with redis.Redis.from_url(url) as client:
        client.xdel("s", ids[0])
        streams.trim("s", 10)
        streams.trim("s", 10)

        assert 100 <= streams.length("s") <= 200
        assert streams.pending("g", "s") == 100
        assert client.xpending_range("s", "g", "-", "+", 1)[0]["message_id"].decode() == ids[1_400]
