"""A PDF is printed where a browser is, and where none is that is said."""

import pytest

from sptrader.errors import RunError
from sptrader.runs import pdf
from sptrader.runs.pdf import find_browser, save_pdf
from sptrader.runs.report import save_run_report


def test_report_is_printed_with_its_charts_on_several_pages(run, tmp_path):
    if find_browser() is None:
        pytest.skip(f"no browser on this machine (looked for {', '.join(pdf.BROWSERS)})")
    page = save_run_report(run, tmp_path / "report.html")

    path = save_pdf(page)

    printed = path.read_bytes()
    assert path == tmp_path / "report.pdf"
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") >= 3
    assert len(printed) > 100_000


def test_missing_browser_is_said_and_the_page_remains(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    page = save_run_report(run, tmp_path / "report.html")

    with pytest.raises(RunError, match=r"none was found \(looked for chromium"):
        save_pdf(page)
    assert page.is_file()


def test_browser_that_prints_nothing_is_a_failure(run, tmp_path, monkeypatch):
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\necho no display >&2\n")
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    with pytest.raises(RunError, match=r"did not print .* no display") as refused:
        save_pdf(save_run_report(run, tmp_path / "report.html"))
    assert refused.value.is_failure
