"""`sptrader init` and `sptrader doctor`: a workspace that works at once, and a machine that is looked at."""

import json

from sptrader.cli import main
from sptrader.strategy.loader import load_strategy


def test_init_copies_the_starter_workspace(tmp_path, capsys):
    assert main(["init", str(tmp_path / "mine")]) == 0

    assert load_strategy(tmp_path / "mine" / "strategies" / "ma_crossover.yaml").name == "ma_crossover"
    assert (tmp_path / "mine" / "components" / "indicators" / "ema.py").is_file()
    assert list((tmp_path / "mine" / "notebooks").glob("*.ipynb"))
    assert not list((tmp_path / "mine").rglob("__pycache__"))
    assert "sptrader lab" in capsys.readouterr().out


def test_init_replaces_nothing(tmp_path, capsys):
    (tmp_path / "strategies").mkdir()

    assert main(["init", str(tmp_path)]) == 2

    assert "has strategies already" in capsys.readouterr().err
    assert not (tmp_path / "components").exists()


def test_doctor_names_what_is_there(capsys):
    code = main(["doctor", "--json"])

    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert code == (1 if any(check["state"] == "bad" for check in checks.values()) else 0)
    assert checks["Python"]["state"] == "good"
    assert checks["components"]["state"] == "good"
    assert all(check["advice"] for check in checks.values() if check["state"] != "good")


def test_doctor_says_what_to_do_about_a_broken_component(tmp_path, monkeypatch, capsys):
    (tmp_path / "components" / "indicators").mkdir(parents=True)
    (tmp_path / "components" / "indicators" / "broken.py").write_text("import nothing_of_that_name\n")
    monkeypatch.chdir(tmp_path)

    assert main(["doctor"]) == 1

    assert "sptrader components check" in capsys.readouterr().out
