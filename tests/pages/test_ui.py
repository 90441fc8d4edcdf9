"""``reenact ui`` in a real browser, and as somebody who should not get in."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from pageproject import HOSTILE, Ui, reenact


def rows(page: Any) -> list[str]:
    return [text.strip() for text in page.locator(".row > :nth-child(3)").all_inner_texts()]


def wait_rows(page: Any, *names: str) -> None:
    told = json.dumps(list(names))
    page.wait_for_function(
        f"() => JSON.stringify([...document.querySelectorAll('.row > :nth-child(3)')].map(e => e.textContent)) === JSON.stringify({told})"
    )


def run_ids(project: Path) -> dict[str, str]:
    return {run["name"]: run["id"] for run in json.loads(reenact("ls", "--json", cwd=project).stdout)}


def test_the_list_is_filtered_sorted_grouped(page: Any, ui: Ui) -> None:
    page.goto(ui.url)
    page.wait_for_selector(".row a")
    assert "token" not in page.url, "the token does not stay in the address"
    odd = HOSTILE.replace('"', "")
    assert rows(page) == [odd, "fast", "middle", "slow"]
    assert page.inner_text("#total") == "4 runs"
    assert page.evaluate("window.pwned") is None
    assert "✓ identical" in page.locator(".row", has_text="slow").inner_text()
    page.fill("#where", "lr>0.15 and loss<0.5")
    wait_rows(page, "fast", "middle")
    page.fill("#where", "idd")
    wait_rows(page, "middle")
    page.fill("#where", "loss<<")
    page.wait_for_selector("#problem:visible")
    assert "cannot read the query at character 6" in page.inner_text("#problem")
    page.fill("#where", "lossy<3")
    page.wait_for_function("() => document.getElementById('problem').textContent.includes('did you mean loss')")
    page.fill("#where", "experiment=speed")
    wait_rows(page, "fast", "middle", "slow")
    assert page.locator("#problem").is_hidden()
    page.click("#head button:has-text('loss')")
    wait_rows(page, "fast", "middle", "slow")
    page.click("#head button:has-text('loss')")
    wait_rows(page, "slow", "middle", "fast")
    page.reload()
    wait_rows(page, "slow", "middle", "fast")
    page.fill("#columns", "lr, val/acc.best")
    page.keyboard.press("Enter")
    page.wait_for_selector("#head button:has-text('val/acc.best')")
    page.fill("#group", "lr")
    page.keyboard.press("Enter")
    page.wait_for_selector("#groups table")
    assert page.inner_text("#total") == "3 groups"
    assert page.locator("#groups tbody tr td:first-child").all_inner_texts() == ["0.1", "0.2", "0.4"]


def test_groups_tell_of_how_many_and_of_what_no_run_has(page: Any, ui: Ui) -> None:
    page.goto(f"{ui.url}#/?group=status&columns=lr")
    page.wait_for_selector("#groups table")
    page.goto(f"{ui.base}/#/?group=nosuch")
    page.wait_for_selector("#problem:visible")
    told = page.inner_text("#problem")
    assert "no run here has a param 'nosuch'" in told and "experiment" in told and "lr" in told
    page.goto(f"{ui.base}/#/?columns=lr,nosuch.best")
    page.wait_for_function(
        "() => document.getElementById('problem').textContent.includes('no run here has \\'nosuch.best\\' to show')"
    )
    page.goto(f"{ui.base}/#/?group=tags&columns=val/acc")
    page.wait_for_selector("#groups table")
    page.goto(f"{ui.base}/#/?group=sweep&columns=val/acc")
    page.wait_for_function("() => document.getElementById('groups').textContent.includes('(3 of 4)')")


def test_the_number_of_a_trial_stays_visible(page: Any, ui: Ui) -> None:
    page.goto(ui.url)
    page.wait_for_selector(".row a")
    # An id as long as a trial's, and one that is too long for its column: the end of both is inside of the cell.
    for end in (".12", ".1234567890"):
        cut = page.locator(".row > :nth-child(2)").first.evaluate(
            """(cell, end) => { const link = cell.firstChild; link.textContent = "20260101-000001-mn9x" + end;
            const range = document.createRange(); range.setStart(link.firstChild, 20); range.setEnd(link.firstChild, 20 + end.length);
            const told = range.getBoundingClientRect(), box = cell.getBoundingClientRect();
            return told.left < box.left || told.right > box.right; }""",
            end,
        )
        assert not cut, end


def test_a_run_and_its_labels(page: Any, ui: Ui, project: Path) -> None:
    run = run_ids(project)["middle"]
    page.goto(ui.url)
    page.click(f"text={run}")
    page.wait_for_selector("canvas")
    assert "middle" in page.inner_text("h1")
    page.click("text=edit name, tags, note")
    page.fill("input[name=tags]", "lr0.2, kept, Ünïcode")
    page.fill("textarea[name=note]", "a <b>note</b>\nof two lines")
    page.click("text=save")
    page.wait_for_selector("header .tag:has-text('kept')")
    assert "a <b>note</b>" in page.inner_text("header")
    told = next(one for one in json.loads(reenact("ls", "--json", cwd=project).stdout) if one["id"] == run)
    assert told["tags"] == ["lr0.2", "kept", "Ünïcode"]
    assert reenact("note", run, cwd=project).stdout == "a <b>note</b>\nof two lines\n"
    page.keyboard.press("Escape")
    page.wait_for_selector(".row .tag:has-text('kept')")
    reenact("tag", run, "--remove", "kept", "Ünïcode", cwd=project)
    reenact("note", run, "", cwd=project)
    page.wait_for_function(
        "() => !document.querySelector('.row .tag[class]') || ![...document.querySelectorAll('.row .tag')].some(e => e.textContent === 'kept')"
    )


def test_compare_and_diff(page: Any, ui: Ui) -> None:
    page.goto(ui.url)
    page.wait_for_selector(".row a")
    page.locator(".row", has_text="slow").locator("input").check()
    page.locator(".row", has_text="fast").locator("input").check()
    page.click("text=compare 2")
    page.wait_for_selector("#divergence h2")
    assert page.locator("#differences .add").first.is_visible()
    assert page.locator(".legend button").count() == 2
    with page.expect_download() as found:
        page.click("text=report as one file")
    assert found.value.suggested_filename.endswith("-and-1-more.html")
    text = Path(found.value.path()).read_text(encoding="utf-8")
    assert "Divergence" in text and len(text) < 1_000_000


def test_a_run_that_goes_on(page: Any, ui: Ui, project: Path) -> None:
    (project / "stop").unlink(missing_ok=True)
    page.goto(ui.url)
    page.wait_for_selector(".row a")
    process = subprocess.Popen(
        [sys.executable, "-m", "reenact", "run", "--name", "live", "live.py"], cwd=project, stdout=subprocess.DEVNULL
    )
    try:
        page.click(".row:has-text('live') a")
        page.wait_for_selector(".badge:has-text('live')")
        page.wait_for_selector("figcaption:text-is('loss')")
        count = "() => document.querySelector('pre.log')?.textContent.trim().split('\\n').length ?? 0"
        page.wait_for_function(f"() => ({count})() > 3")
        before = page.evaluate(count)
        page.wait_for_function(f"() => ({count})() > {before + 20}")
        # In the list its numbers go on, too.
        page.go_back()
        row = "[...document.querySelectorAll('.row')].find(row => row.textContent.includes('live'))"
        loss = f"{row}?.textContent.match(/\\d+\\.\\d+/)?.[0]"
        page.wait_for_function(f"() => {loss}")
        page.wait_for_function(f"told => {loss} && {loss} !== told", arg=page.evaluate(loss))
        page.click(".row:has-text('live') a")
        page.wait_for_selector(".badge:has-text('live')")
    finally:
        (project / "stop").touch()
        assert process.wait(60) == 0
    page.wait_for_selector("header .badge:has-text('finished')")
    assert page.locator("h2:has-text('Environment')").count() == 1, "when it has ended its whole record is shown"
    reenact("rm", "live", cwd=project, code=None)


def test_many_runs_are_scrolled(page: Any, tmp_path: Path) -> None:
    (tmp_path / ".reenact").mkdir()
    (tmp_path / "one.py").write_text("import reenact\nfor i in range(3): reenact.log(loss=i, step=i)\n")
    reenact("run", "one.py", cwd=tmp_path)
    copies(tmp_path, 1200)
    ui = Ui(tmp_path)
    try:
        page.goto(ui.url)
        page.wait_for_function("() => document.getElementById('total').textContent === '1,201 runs'")
        assert page.locator(".row").count() < 60, "only what is in sight is in the page"
        page.locator("#table").evaluate("box => { box.scrollTop = box.scrollHeight; }")
        page.wait_for_selector(".row a:text-is('20200101-000000-aaaa')")
    finally:
        assert ui.end() == 0


def copies(root: Path, many: int) -> None:
    """As many further runs: copies of the only one under other ids."""
    import shutil

    (source,) = (root / ".reenact" / "runs").iterdir()
    manifest = json.loads((source / "manifest.json").read_text())
    for number in range(many):
        run = f"20200101-{number // 60:06d}-aa{'abcdefghij'[number % 60 // 10]}{'abcdefghij'[number % 10]}"
        folder = source.parent / run
        folder.mkdir()
        shutil.copy(source / "start.json", folder)
        told = {
            **manifest,
            "run": run,
            "started": f"2020-01-01T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000Z",
        }
        (folder / "manifest.json").write_text(json.dumps(told))


def ask(ui: Ui, path: str, *, token: bool = True, data: Any = None, **headers: str) -> tuple[int, bytes]:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        told["X-Reenact-Token"] = ui.token
    body = None if data is None else data if isinstance(data, bytes) else json.dumps(data).encode()
    request = urllib.request.Request(ui.base + path, body, told)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_nobody_gets_in_without_the_token(ui: Ui, project: Path) -> None:
    assert ask(ui, "/api/runs")[0] == 200
    for path in ("/", "/api/runs", "/assets/ui.js", "/?token=wrong", "/?token="):
        status, body = ask(ui, path, token=False)
        assert status == 403 and b"needs its token" in body, path
    assert ask(ui, "/api/runs", Host="evil.example")[0] == 421, "a name that somebody else owns"
    run = run_ids(project)["slow"]
    change = {"run": run, "note": "written"}
    assert ask(ui, "/api/labels", token=False, data=change, X_Reenact="write")[0] == 403
    assert ask(ui, "/api/labels", data=change)[0] == 403, "a form of another page cannot send the header"
    assert ask(ui, "/api/labels", data=change, X_Reenact="write", Host="evil.example")[0] == 421
    assert reenact("note", run, cwd=project).stdout == ""


def test_bad_requests(ui: Ui, project: Path) -> None:
    run = run_ids(project)["slow"]
    for path in (
        "/api/run?run=../../etc",
        "/api/run?run=",
        "/api/log?run=20200101-000000-zzzz",
        "/api/curves?runs=..%2F..",
        "/api/report?runs=",
    ):
        status, body = ask(ui, path)
        assert status == 400 and json.loads(body)["error"], path
    assert (
        ask(ui, "/api/nosuch")[0] == 404
        and ask(ui, "/etc/passwd")[0] == 404
        and ask(ui, "/assets/../site.py")[0] == 404
    )
    assert ask(ui, "/api/runs?limit=many")[0] == 400
    for data in (
        b"{",
        b"[]",
        {"run": run, "tags": "text"},
        {"run": run, "tags": ["\n"]},
        {"run": run, "name": "a\nb"},
        {"run": run, "name": "last~1"},
        {"run": "../x"},
    ):
        assert ask(ui, "/api/labels", data=data, X_Reenact="write")[0] == 400, data
    connection = http.client.HTTPConnection(ui.base.removeprefix("http://"), timeout=20)
    connection.putrequest("POST", "/api/labels")
    connection.putheader("Content-Length", "1000001")
    connection.endheaders()
    assert connection.getresponse().status == 413, "told before it is sent"
    assert reenact("tag", run, "again", cwd=project).returncode == 0, "its labels can still be read"
    reenact("tag", run, "--remove", "again", cwd=project)


def test_read_only(project: Path) -> None:
    ui = Ui(project, "--read-only")
    try:
        run = run_ids(project)["slow"]
        status, body = ask(ui, "/api/labels", data={"run": run, "note": "x"}, X_Reenact="write")
        assert status == 400 and "--read-only" in json.loads(body)["error"]
    finally:
        assert ui.end() == 0


def test_a_port_in_use(ui: Ui, project: Path) -> None:
    port = urllib.parse.urlsplit(ui.base).port
    done = reenact("ui", "--port", str(port), cwd=project, code=2)
    assert f"port {port} of 127.0.0.1 cannot be used" in done.stderr and "--port" in done.stderr
    other = Ui(project)
    assert other.base not in ("", ui.base), "without --port a free one is taken"
    assert other.end() == 0
    assert "cannot serve on" in reenact("ui", "--host", "no.such.host.invalid", cwd=project, code=2).stderr


def test_an_address_for_others(project: Path) -> None:
    """By the name of this machine, which the server knows as its own; somebody else's name it does not."""
    ui = Ui(project, "--host", "0.0.0.0", "--no-open")
    try:
        assert ui.process.stdout is not None and ui.base.startswith("http://127.0.0.1:")
        others = urllib.parse.urlsplit(ui.process.stdout.readline().strip())
        assert others.netloc == f"{socket.gethostname()}:{urllib.parse.urlsplit(ui.base).port}"
        assert others.query == f"token={ui.token}"
        assert ask(ui, "/api/runs", Host=others.netloc)[0] == 200
        assert ask(ui, "/api/runs", Host="evil.example")[0] == 421
    finally:
        assert ui.end() == 0


def test_without_a_store(tmp_path: Path) -> None:
    assert "no runs have been recorded here" in reenact("ui", cwd=tmp_path, code=2).stderr


@pytest.mark.parametrize("text", ["ädd", 'a "quoted" word', "back\\slash"])
def test_words_become_a_query(text: str) -> None:
    from reenact.store.query import names, parse
    from reenact.ui.runs import as_query

    query = as_query(text)
    assert query and parse(query) and set(names(query)) == {"id", "name", "command", "note", "experiment", "tag"}
