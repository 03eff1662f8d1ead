"""`sptrader live`, `feed`, `execute` and `live-...`: the demo, what is refused, and a session that is told, stopped and resumed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

import sptrader as sp
from sptrader.cli import main
from sptrader.data.parquet import save_bars
from sptrader.errors import BrokerError, RunError, StreamError
from sptrader.runs.brokers import broker_names, find_broker
from sptrader.runs.session_file import kept_setting
from sptrader.streams.embedded import EmbeddedServer, find_server
from sptrader.streams.redis import RedisStreams

TABLES = ("orders", "fills", "trades", "equity", "decisions", "signals")
N_BARS = 400


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    try:
        find_server()
    except StreamError as error:
        pytest.skip(str(error))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("SPTRADER_SESSIONS", str(tmp_path / "sessions"))
    monkeypatch.delenv("REDIS_URL", raising=False)
    save_bars(sp.sample("EURUSD", "1h").iloc[:N_BARS], tmp_path / "bars.parquet")
    return tmp_path


@pytest.fixture
def server(tmp_path):
    with EmbeddedServer(tmp_path / "server") as running:
        yield running


def told(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def refused(capsys, *arguments):
    code, out, err = told(capsys, *arguments)
    assert (code, out) == (2, ""), err
    assert "Traceback" not in err
    return err


def test_one_command_trades_a_file_on_paper_and_leaves_the_backtests_tables(capsys, apart):
    code, out, err = told(
        capsys, "live", "ma_crossover", "--mode", "paper", "--replay", "bars.parquet", "--speed", "max", "--json"
    )
    assert (code, err) == (0, "")
    said = json.loads(out)
    _, out, _ = told(capsys, "backtest", "ma_crossover", "--data", "bars.parquet", "--json")
    expected = json.loads(out)

    assert set(said) == {"run", "folder", "metrics"}
    assert said["metrics"] == expected["metrics"]
    assert said["run"] != expected["run"]
    for name in TABLES:
        made, other = (apart / one["folder"] / f"{name}.parquet" for one in (said, expected))
        assert made.read_bytes() == other.read_bytes()
    facts = json.loads((apart / said["folder"] / "run.json").read_text())
    assert facts["mode"] == "paper"
    again = sp.load_run(apart / said["folder"])
    assert "cross" in str(again.explain(str(again.decisions["time"].iloc[0])))
    assert list((apart / "sessions").iterdir()) == []  # nothing is left of a session that is over


def test_a_session_that_was_more_than_a_replay_keeps_its_tables_and_says_why_it_explains_nothing(apart):
    bars = sp.load_bars("bars.parquet")
    folder = sp.live("ma_crossover", bars).save("runs")
    equity = pd.read_parquet(folder / "equity.parquet")
    equity["equity"] += 1.0
    equity.to_parquet(folder / "equity.parquet", index=False)
    again = sp.load_run(folder)

    assert len(again.equity) == len(equity)
    with pytest.raises(RunError, match="its tables stand, explanations cannot be made"):
        again.explain(str(again.decisions["time"].iloc[0]))


def test_what_a_difference_leads_to_is_shown_before_trading_and_stands_in_the_run_and_the_session(capsys, apart):
    options = ["--on-difference", "refuse", "--reconcile", "broker_flat=adopt,opposite=halt", "--folder", "kept"]
    code, out, err = told(capsys, "live", "ma_crossover", "--replay", "bars.parquet", "--json", *options)
    assert code == 0
    shown = dict(line.split(maxsplit=4)[3:] for line in err.splitlines())
    assert shown["halt"] == "opposite"
    assert shown["adopt"] == "broker_flat, missed_fill, missed_end, missed_child"
    assert shown["refuse"].startswith("broker_has_more, broker_has_less, foreign_position, ")
    facts = json.loads((apart / json.loads(out)["folder"] / "run.json").read_text())
    kept = json.loads(Path("kept/session.json").read_text())
    for said in (facts["on_difference"], kept["on_difference"]):
        assert (said["broker_flat"], said["opposite"], said["extra_order"]) == ("adopt", "halt", "refuse")
    assert asdict(kept_setting(Path("kept")).policy) == kept["on_difference"]

    run = sp.live("ma_crossover", sp.load_bars("bars.parquet"), on_difference="adopt", reconcile={"opposite": "refuse"})
    said = run.provenance["on_difference"]
    assert (said["broker_flat"], said["opposite"], said["wrong_account"]) == ("adopt", "refuse", "halt")
    with pytest.raises(RunError, match="on_difference was 'ignore'"):
        sp.live("ma_crossover", sp.load_bars("bars.parquet"), on_difference="ignore")


def test_several_files_are_several_instruments(capsys, apart):
    pounds = sp.load_bars("bars.parquet").iloc[10:]
    pounds.attrs = {}
    pounds.to_parquet("pounds.parquet")
    text = Path(sp.load_strategy("ma_crossover").source_path).read_text()
    Path("two.yaml").write_text(text.replace("symbols: [EURUSD]", "symbols: [EURUSD, GBPUSD]"))
    files = ["--replay", "bars.parquet", "--replay", "pounds.parquet", "--symbol", "EURUSD", "--symbol", "GBPUSD"]
    code, out, err = told(capsys, "live", "two.yaml", *files, "--timeframe", "1h", "--basis", "ask", "--json")
    assert (code, err) == (0, "")

    pair = {"EURUSD": sp.load_bars("bars.parquet")}
    pair["GBPUSD"] = sp.load_bars("pounds.parquet", symbol="GBPUSD", timeframe="1h", basis="ask")
    expected = sp.backtest("two.yaml", pair)
    assert set(expected.decisions["symbol"]) == {"EURUSD", "GBPUSD"}
    made = sp.load_run(apart / json.loads(out)["folder"])
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(made, name), getattr(expected, name), check_exact=True)


def test_options_reach_the_session_as_they_reach_a_backtest(capsys):
    options = ["--param", "fast=8", "--cash", "5000", "--start", "2017-01-09", "--end", "2017-01-20"]
    _, out, _ = told(
        capsys, "live", "ma_crossover", "--replay", "bars.parquet", "--json", "--currency", "USD", *options
    )
    _, other, _ = told(capsys, "backtest", "ma_crossover", "--data", "bars.parquet", "--json", *options)

    assert json.loads(out)["metrics"] == json.loads(other)["metrics"]


def test_two_replays_on_one_server_do_not_meet(capsys, server):
    first = told(capsys, "live", "ma_crossover", "--replay", "bars.parquet", "--redis-url", server.url, "--json")
    second = told(capsys, "live", "ma_crossover", "--replay", "bars.parquet", "--redis-url", server.url, "--json")

    assert first == second
    assert first[0] == 0


def test_a_finished_session_is_begun_anew_and_its_orders_are_logged(capsys, server):
    assert told(capsys, "feed", "bars.parquet", "--redis-url", server.url)[0] == 0
    follow = ["live", "ma_crossover", "--redis-url", server.url, "--json"]
    ran = [told(capsys, *follow, "--folder", name, "--log-json") for name in ("first", "again")]

    assert [code for code, _, _ in ran] == [0, 0]
    assert json.loads(ran[0][1]) == json.loads(ran[1][1])
    lines = [json.loads(line) for line in ran[1][2].splitlines()]
    sent = {line["instruction"]["client_order_id"] for line in lines if "instruction" in line}
    assert sent >= set(sp.load_run(json.loads(ran[1][1])["folder"]).orders["client_order_id"].head(1))
    err = refused(capsys, *follow, "--folder", "third", "--part", "orchestrator")
    assert "finished session of account 'paper'" in err
    assert "live-forget" in err


def test_python_call_is_the_command():
    bars = sp.load_bars("bars.parquet")
    run = sp.live("rsi_reversion", bars, speed="1000000000x")

    assert run.config.mode == "paper"
    assert run.metrics["final_equity"] == sp.backtest("rsi_reversion", bars).metrics["final_equity"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--replay", "bars.parquet", "--mode", "demo"], "--mode was 'demo'; allowed are paper, live."),
        (
            ["--replay", "bars.parquet", "--speed", "fast"],
            "speed was 'fast'; allowed are max, realtime, or a number above 0.",
        ),
        (["--replay", "none.parquet"], "none.parquet"),
        (
            ["--replay", "bars.parquet", "--replay", "bars.parquet"],
            "bars.parquet has bars of EURUSD, and so has a file before it",
        ),
        (
            ["--replay", "bars.parquet", "--symbol", "EURUSD", "--symbol", "GBPUSD"],
            "--symbol was given 2 times for 1 files",
        ),
        (["--replay", "bars.parquet", "--part", "worker"], "--part follows a feed"),
        (["--replay", "bars.parquet", "--mode", "live"], "--replay is for --mode paper"),
        (["--replay", "bars.parquet", "--arm", "paper"], "--arm is for --mode live"),
        (["--replay", "bars.parquet", "--on-difference", "adop"], "on_difference was 'adop'; did you mean 'adopt'?"),
        (["--replay", "bars.parquet", "--reconcile", "opposit=halt"], "did you mean 'opposite'?"),
        (["--replay", "bars.parquet", "--start", "2018-01-01"], "2017-12-31"),
        (["--replay", "bars.parquet", "--redis-url", "nowhere"], "address cannot be read"),
        ([], "give --redis-url or REDIS_URL"),
    ],
)
def test_wrong_input_is_one_sentence(capsys, arguments, message):
    err = refused(capsys, "live", "ma_crossover", *arguments)

    assert message in err
    assert err.count("\n") == 1


def test_commands_to_a_session_that_is_not_there(capsys):
    assert told(capsys, "live-list")[:2] == (0, "no sessions\n")
    for command in ("live-status", "live-stop", "live-kill", "live-attach", "live-dead"):
        assert "no session of any account is known here" in refused(capsys, command)
    assert "limit needs" not in refused(capsys, "live-control", "limt", "--account", "x")
    assert "needs a limit and its value" in refused(capsys, "live-control", "limit")
    assert "needs an instrument" in refused(capsys, "live-control", "close")
    assert "needs an order and what became of it" in refused(capsys, "live-control", "resolve", "a1")
    resolve = ["live-control", "resolve", "a1", "--as"]
    assert "did you mean 'rejected'" in refused(capsys, *resolve, "reject")
    assert "needs the price that the broker shows: --price" in refused(capsys, *resolve, "filled")
    assert "--price was 'much'" in refused(capsys, *resolve, "filled", "--price", "much")
    assert "are for `live-control resolve`" in refused(capsys, "live-control", "pause", "--as", "filled")


def test_parts_wait_for_a_feed_and_say_so(capsys, server):
    err = refused(capsys, "live", "ma_crossover", "--redis-url", server.url, "--wait", "0.2")

    assert "no feed has announced bars of EURUSD 1h for 0.2 s" in err


def test_a_wait_for_a_feed_is_ended_by_sigterm_without_a_fault(capsys, server):
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    code, out, err = told(capsys, "live", "ma_crossover", "--redis-url", server.url, "--wait", "60")

    assert (code, out) == (0, "")
    assert err == "sptrader: stopped before a feed was there.\n"


def test_a_part_is_named_before_a_server_is_asked(capsys):
    err = refused(capsys, "live", "ma_crossover", "--part", "wroker", "--redis-url", "redis://127.0.0.1:1")

    assert "part was 'wroker'; did you mean 'worker'? Allowed are" in err


LIVE = ["live", "armed.yaml", "--mode", "live", "--wait", "0.2"]


@pytest.fixture
def announced(server, monkeypatch, capsys):
    monkeypatch.setenv("REDIS_URL", server.url)
    assert told(capsys, "feed", "bars.parquet", "--json")[0] == 0
    text = Path(sp.load_strategy("ma_crossover").source_path).read_text()
    live = "live: {mode: paper, broker: mine, max_order_notional: 20000}"
    Path("armed.yaml").write_text(text.replace("live: {mode: paper, broker: paper}", live))
    return server


def test_live_mode_shows_its_limits_and_must_be_armed(capsys, announced):
    assert "live.max_order_notional" in refused(capsys, "live", "ma_crossover", "--mode", "live")
    err = refused(capsys, *LIVE)

    assert "limit max_drawdown       0.15" in err
    assert "limit order max_order_notional 20000" in err
    assert "limit order price_collar_rate 0.05" in err
    assert "limit order orders_per_minute 60" in err
    assert "limit order duplicate_window_s 1" in err
    assert "on a difference halt     broker_has_more, broker_has_less" in err
    assert "live trading must be armed: after reading the limits say --arm paper." in err
    assert "but the session's account is 'paper'" in refused(capsys, *LIVE, "--arm", "mine")
    err = refused(capsys, *LIVE, "--arm", "paper")
    assert "no installed package brings a broker 'mine'" in err
    assert "sptrader.model.ports.Broker" in err
    assert "sptrader.brokers" in err


def test_live_mode_refuses_bars_that_passed_no_checks(capsys, announced):
    with closing(RedisStreams(announced.url)) as streams:
        facts = json.loads(streams.get("facts:EURUSD:1h") or b"")
        streams.set("facts:EURUSD:1h", json.dumps({**facts, "tier": ""}).encode())

    assert "the bars of EURUSD are unchecked" in refused(capsys, *LIVE, "--arm", "paper")


EMPTY = """
import os
import signal

from sptrader.model.orders import BrokerAccount


class Mine:
    # a broker of an empty account: the first question for reports ends the session
    name, remembers_ids = "mine", True

    def __init__(self, account):
        self.account = account

    def reports(self):
        os.kill(os.getpid(), signal.SIGTERM)
        return []

    def submit(self, order):
        raise AssertionError("nothing was to be sent")

    cancel = amend = submit

    def find_order(self, client_order_id):
        return None

    def fills(self, *, since_ns):
        return []

    def open_orders(self):
        return []

    def positions(self):
        return []

    def account_state(self):
        return BrokerAccount(account=self.account, currency="USD", balance=1.0, equity=1.0, used_margin=0.0)
"""


def test_an_armed_session_trades_through_the_broker_that_a_package_brings(capsys, announced, tmp_path, monkeypatch):
    made(tmp_path, monkeypatch, EMPTY, mine="Mine")

    code, out, err = told(capsys, *LIVE, "--arm", "paper", "--folder", "armed")

    assert code == 0, err
    assert "paper at mine" in err
    assert "not over; go on with --folder armed" in out
    assert Path("armed/execution.sqlite").exists()


def made(folder, monkeypatch, text, **names):
    """A package on the path that brings brokers."""
    (folder / "site").mkdir()
    (folder / "site" / "made_broker.py").write_text(text)
    info = folder / "site" / "made_broker-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-broker\nVersion: 1.0\n")
    points = "\n".join(f"{name} = made_broker:{value}" for name, value in names.items())
    (info / "entry_points.txt").write_text(f"[sptrader.brokers]\n{points}\n")
    monkeypatch.syspath_prepend(str(folder / "site"))
    monkeypatch.delitem(sys.modules, "made_broker", raising=False)


def test_brokers_that_are_not_whole_are_refused(tmp_path, monkeypatch):
    text = "class Half:\n    def __init__(self, account): self.account = account\n    def submit(self, order): ...\n"
    made(tmp_path, monkeypatch, text, half="Half", lost="Nothing")

    assert broker_names() == ["half", "lost"]
    with pytest.raises(BrokerError, match=r"'half' .* lacks cancel, amend, reports"):
        find_broker("half")("paper")
    with pytest.raises(BrokerError, match=r"'lost' .* cannot be loaded"):
        find_broker("lost")("paper")
    with pytest.raises(BrokerError, match="did you mean 'half'"):
        find_broker("hafl")


def test_a_running_session_is_told_stopped_and_goes_on_to_the_backtests_end(capsys, apart):
    command = ["live", "ma_crossover", "--replay", "bars.parquet", "--json", "--folder", "session"]
    child = subprocess.Popen(
        [sys.executable, "-m", "sptrader", *command, "--speed", "400000x", "--log-json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        _until(lambda: json.loads(told(capsys, "live-status", "--json")[1] or "{}").get("is_well"))
        code, out, _ = told(capsys, "live-control", "limit", "max_drawdown", "0.5", "--json", "--by", "ann")
        assert (code, json.loads(out)["verdict"]) == (0, "acted")
        code, out, _ = told(capsys, "live-control", "resolve", "a1", "--as", "cancelled", "--by", "ann")
        assert (code, out) == (
            1,
            "refused: order 'a1' is not known here; only an order in state unknown can be resolved. Unknown are: none.\n",
        )
        assert "runs" in told(capsys, "live-list")[1]
        assert "ma_crossover" in told(capsys, "live-status")[1]
        assert told(capsys, "live-attach", "--seconds", "0.1")[0] == 0
        assert told(capsys, "live-dead")[:2] == (0, "no dead letters\n")
        code, out, err = told(capsys, "live-stop")
        assert (code, err) == (0, "")
        out, err = child.communicate(timeout=30)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 0, err
    stopped = json.loads(out)

    code, out, err = told(capsys, *command)
    assert (code, err) == (0, "")
    finished = json.loads(out)
    assert finished["run"] != stopped["run"]
    code, out, _ = told(capsys, "live-dead", "--replay", "--folder", "session", "--json")
    assert code == 0
    assert json.loads(out)["is_same"]
    assert json.loads(out)["n_commands"] == 2
    _, out, _ = told(capsys, "backtest", "ma_crossover", "--data", "bars.parquet", "--json")
    assert json.loads(out)["metrics"] == finished["metrics"]


def test_sigterm_ends_after_the_step_with_the_run_so_far(capsys, apart):
    child = subprocess.Popen(
        [sys.executable, "-m", "sptrader", "live", "ma_crossover", "--replay", "bars.parquet", "--json", "--speed", "400000x"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        _until(lambda: json.loads(told(capsys, "live-status", "--json")[1] or "{}").get("is_well"))
        os.kill(child.pid, signal.SIGTERM)
        out, err = child.communicate(timeout=30)
    finally:
        child.kill()
        child.wait()

    assert (child.returncode, err) == (0, "")
    run = sp.load_run(json.loads(out)["folder"])
    assert 0 < len(run.equity) < N_BARS
    assert len(list((apart / "sessions").iterdir())) == 1  # the session's folder, to go on with


def _until(is_so, seconds=40.0):
    pause, began = threading.Event(), time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds
        pause.wait(0.1)
