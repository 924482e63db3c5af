"""What `jarvis-stem site` writes, keeps, removes and refuses; for its pages: test_site_browser."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import click
import pytest
import small_benchmark
from helpers import (
    METADATA,
    PATIENCE,
    REPOSITORY,
    SMALL,
    add_benchmark,
    add_contribution,
    python,
    run_record,
)
from sites import scored

from jarvis_stem import site
from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.project_metadata import METADATA as PROJECT
from jarvis_stem.formats.project_metadata import Project
from jarvis_stem.utils.errors import StemError
from jarvis_stem.web import builder, content, serve, templates
from jarvis_stem.web.serve import Server

GOOD = "id,prediction\nd.jpg,0\ne.jpg,1\nf.jpg,2\ng.jpg,1\n"
BOARD = "benchmarks/small_bravais_class.html"
EMBEDDED = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one benchmark and one contribution, the current folder."""
    add_benchmark(tmp_path / "benchmarks")
    add_contribution(tmp_path / "contributions", "cnn", GOOD)
    metadata = {"repository_url": "https://example.org/code", "benchmarks": []}
    (tmp_path / PROJECT).write_text(json.dumps(metadata))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_writes_a_page_of_every_kind(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.main(["--no-images"]) == 0
    files = written(project / "site")
    assert {"index.html", BOARD, "contributions/cnn.html", "assets/site.css"} <= files.keys()
    assert capsys.readouterr().out == (
        f"site/index.html: 6 pages, {len(files) - 1} files, "
        f"{sum(len(c) for n, c in files.items() if n != '.site.json') / 1e6:.1f} MB, "
        f"{len(files) - 1} changed\n"
    )


def test_the_same_contributions_make_the_same_bytes(project: Path) -> None:
    site.main(["--no-images", "--output", "one"])
    python("-m", "jarvis_stem.site", "--no-images", "--output", "two", cwd=project)
    assert written(project / "one") == written(project / "two")


def test_writes_only_what_changed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.main(["--no-images", "--quiet"])
    before = {path: path.stat().st_mtime_ns for path in (project / "site").rglob("*")}
    site.main(["--no-images", "--json"])
    assert json.loads(capsys.readouterr().out)["changed"] == []
    assert {path: path.stat().st_mtime_ns for path in (project / "site").rglob("*")} == before


def test_removes_what_is_no_longer_made_and_nothing_else(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = add_contribution(project / "contributions", "old", GOOD).parent
    site.main(["--no-images", "--quiet"])
    (project / "site" / "CNAME").write_text("example.org")
    (project / "site" / "contributions" / "mine.txt").write_text("kept")
    folder.rename(project / "old")
    site.main(["--no-images", "--json"])
    assert "contributions/old.html" in json.loads(capsys.readouterr().out)["changed"]
    files = written(project / "site")
    assert "contributions/old.html" not in files
    assert {"CNAME", "contributions/mine.txt", "contributions/cnn.html"} <= files.keys()


def test_removes_a_folder_that_it_leaves_empty(project: Path) -> None:
    site.main(["--no-images"])
    (project / "contributions" / "cnn").rename(project / "cnn")
    site.main(["--no-images"])
    assert not (project / "site" / "contributions").exists()


def test_refuses_to_overwrite_what_it_did_not_make(project: Path) -> None:
    (project / "site").mkdir()
    (project / "site" / "index.html").write_text("mine")
    with pytest.raises(StemError, match=r"site/index\.html: not made by this command"):
        site.main(["--no-images"])
    assert written(project / "site") == {"index.html": b"mine"}


@pytest.mark.parametrize("listed", ["../precious", "/precious", 3])
def test_a_list_that_leads_outside_is_refused(project: Path, listed: object) -> None:
    precious = project / "precious"
    precious.write_text("kept")
    (project / "site").mkdir()
    (project / "site" / builder.MANIFEST).write_text(json.dumps({"files": [listed]}))
    with pytest.raises(StemError, match="not a list of a site's files"):
        site.main(["--no-images"])
    assert precious.exists()


def test_two_benchmarks_of_one_page_are_refused(project: Path) -> None:
    other = ResultName.parse("AI-Other-bravais_class-small-test-acc")
    add_benchmark(project / "benchmarks", other)
    add_contribution(project / "contributions", "other", GOOD, other)
    with pytest.raises(StemError, match="two pages of that name"):
        site.main(["--no-images"])
    assert not (project / "site").exists()


def test_a_rejected_file_is_named_and_shown(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_contribution(project / "contributions", "short", "id,prediction\nd.jpg,0\n")
    assert site.main(["--no-images", "--quiet"]) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("rejected: short/AI-ImageClass-bravais_class-small-test-acc.csv.zip: ")
    page = (project / "site" / BOARD).read_text()
    assert "short" in page.partition('id="rejected-title"')[2]


def table(html: str) -> dict[str, dict[str, str]]:
    """The texts of a board's table by contribution and column, as board.js makes them."""
    data = json.loads(*EMBEDDED.findall(html))
    found = {}
    for cells, values in zip(data["cells"], data["records"], strict=True):
        record = dict(zip(data["fields"], values, strict=False))
        texts = {}
        for (title, fields, *_), text in zip(data["columns"], cells, strict=True):
            own = record.get(fields[0])
            texts[title] = text or (f"{own:.4f}" if isinstance(own, float) else own or "")
        found[record["contribution"]] = texts
    return found


def titles_shown(html: str) -> list[str]:
    data = json.loads(*EMBEDDED.findall(html))
    return [title for title, _fields, _number, shown in data["columns"] if shown]


def test_data_in_a_page_cannot_leave_its_element(project: Path) -> None:
    hostile = "</script><script>alert(1)</script>&lt;"
    add_contribution(
        project / "contributions", "bad", GOOD, metadata={**METADATA, "model_name": hostile}
    )
    site.main(["--no-images"])
    page = (project / "site" / BOARD).read_text()
    data = json.loads(*EMBEDDED.findall(page))
    at = data["fields"].index("model_name")
    assert hostile in [record[at] for record in data["records"]]
    assert "alert(1)</script>" not in page


def test_embedded_data_has_nothing_that_html_or_a_script_obeys() -> None:
    text = "</script><!--&amp;\u2028\u2029\"'"
    (data,) = EMBEDDED.findall(templates.embed([text], "data"))
    assert not set("<>&\u2028\u2029") & set(data)
    assert json.loads(data) == [text]


def test_embedding_refuses_what_json_has_not() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        templates.embed(float("nan"), "data")


def test_pages_link_from_their_own_folder(project: Path) -> None:
    site.main(["--no-images"])
    assert 'href="./assets/site.css"' in (project / "site" / "index.html").read_text()
    assert 'href="../assets/site.css"' in (project / "site" / BOARD).read_text()


def test_what_a_build_beside_it_made_is_the_sites(project: Path) -> None:
    site.main(["--no-images"])
    listed = project / "site" / builder.MANIFEST
    whole = written(project / "site")
    files = json.loads(listed.read_text())["files"]
    listed.write_text(json.dumps({"files": files[:3]}))  # as if the other had not ended
    site.main(["--no-images"])
    assert written(project / "site") == whole


def test_the_documentation_is_linked_where_it_was_built(project: Path) -> None:
    site.main(["--no-images"])
    board = project / "site" / BOARD
    assert "documentation</a>" not in board.read_text()
    guide = project / "site" / "guide" / "index.html"
    guide.parent.mkdir()
    guide.write_text("by mkdocs")
    site.main(["--no-images"])
    assert '<a href="../guide/index.html">documentation</a>' in board.read_text()
    assert guide.read_text() == "by mkdocs"


def test_every_page_names_its_policy_and_has_nothing_inline(project: Path) -> None:
    site.main(["--no-images"])
    for path in (project / "site").rglob("*.html"):
        page = path.read_text()
        assert page.index("Content-Security-Policy") < page.index("<link")
        assert "default-src 'none'; script-src 'self';" in page
        assert re.findall(r'<script(?! src="| type="application/json")', page) == []
        assert re.findall(r"<[^>]+\son\w+=", page) == []


def test_a_board_without_contributions_has_a_page(project: Path) -> None:
    (project / "contributions" / "cnn").rename(project / "cnn")
    about = {"name": str(SMALL), "title": "Small", "description": "", "references": []}
    metadata = {"repository_url": "https://example.org/code", "benchmarks": [about]}
    (project / PROJECT).write_text(json.dumps(metadata))
    assert site.main(["--no-images"]) == 0
    assert "majority class" in (project / "site" / BOARD).read_text()


def test_new_results_are_a_feed_and_links_have_a_picture_where_the_address_is_known(
    project: Path,
) -> None:
    site.main(["--no-images", "--output", "without"])
    assert "feed.xml" not in written(project / "without")
    assert "og:image" not in (project / "without/index.html").read_text()
    metadata = json.loads((project / PROJECT).read_text())
    metadata["site_url"] = "https://example.org/board/"
    (project / PROJECT).write_text(json.dumps(metadata))
    hostile = METADATA | {"team_name": "</name><b>&", "date_submitted": "02-01-2024"}
    add_contribution(project / "contributions", "later", GOOD, metadata=hostile)
    site.main(["--no-images", "--output", "with"])
    page = (project / "with" / BOARD).read_text()
    assert f'"og:url" content="https://example.org/board/{BOARD}"' in page
    assert 'content="https://example.org/board/assets/preview.png"' in page
    assert (project / "with/assets/preview.png").read_bytes().startswith(b"\x89PNG")
    feed = ElementTree.fromstring((project / "with/feed.xml").read_text())  # noqa: S314  ours
    atom = "{http://www.w3.org/2005/Atom}"
    assert feed.findtext(f"{atom}updated") == "2024-02-01T00:00:00Z"
    entries = feed.findall(f"{atom}entry")
    assert [entry.findtext(f"{atom}title") for entry in entries] == [
        "later: 0.7500 on small",
        "cnn: 0.7500 on small",
    ]
    assert entries[0].findtext(f"{atom}author/{atom}name") == "</name><b>&"
    link = entries[0].find(f"{atom}link")
    assert link is not None
    assert link.get("href") == "https://example.org/board/contributions/later.html"


def test_measured_accuracies_are_columns_where_they_are_of_these_weights(project: Path) -> None:
    record = run_record(0.75)
    record["weights"] = {"sha256": "0" * 64, "bytes": 8}
    folder = project / "contributions" / "cnn"
    (folder / SMALL.run_record_name).write_text(json.dumps(record))
    new = [("c2db_hosts, new", 3, 3), ("mc2d, new", 1, 0), ("published JPEGs, new", 9, 1)]
    sources = {
        name: {"n": n, "correct": right, "accuracy": right / n, "interval": [0, 1], "classes": {}}
        for name, n, right in new
    }
    unseen: dict[str, Any] = {
        "benchmark": "small",
        "sources": [{"name": name, "n": n, "classes": {}} for name, n, _ in new],
        "models": {"cnn": {"sha256": "0" * 64, "sources": sources}},
    }
    axes = [
        ("dose, e/Å²", [100.0, 10000.0], [0.1, 0.6]),
        ("rotation, degrees", [0.0, 5.0, 45.0], [1.0, 0.9, 0.7]),
    ]
    series = [{"what": w, "values": v, "accuracy": {"cnn": a}} for w, v, a in axes]
    measured = {"benchmark": "small", "images": 500, "series": series}

    def cells(unseen: dict[str, Any]) -> dict[str, str]:
        made = scored(
            project / "contributions",
            project / "benchmarks",
            Project.read(project / PROJECT),
            robustness=measured,
            unseen=unseen,
        )
        builder.build(made, project / "site", builder.SCORES)
        return next(iter(table((project / "site" / BOARD).read_text()).values()))

    found = cells(unseen)
    assert (found["unseen"], found["noise"], found["rotation"]) == ("0.7500", "0.6000", "0.8000")
    unseen["models"]["cnn"]["sha256"] = "1" * 64
    assert "unseen" not in cells(unseen)


@pytest.fixture
def seen(project: Path) -> dict[str, str]:
    """Pages of a model scored on real pictures, too, and of another scored on them alone."""
    small_benchmark.add_real(project / "benchmarks", dict.fromkeys(small_benchmark.CLASSES, b""))
    csv = "id,prediction\na/hexagonal.png,0\na/square.png,4\nb/text.png,0\nc/by_hand.png,0\n"
    name = small_benchmark.NAME
    metadata = METADATA | {"missing_structures": {name.predictions_name: 1}}
    for model in ("cnn", "another"):
        add_contribution(project / "contributions", model, csv, name, metadata)
    assert site.main(["--quiet"]) == 0
    pages = written(project / "site").items()
    return {path: text.decode() for path, text in pages if path.endswith(".html")}


def test_real_pictures_stand_beside_simulated_images(seen: dict[str, str]) -> None:
    home = seen["index.html"]
    section = home[home.index("Simulated images and real pictures") :]
    section = section[: section.index("</section>")]
    assert "4 simulated test images" in section
    assert "real (n = 4)" in section
    # 3 of 4 simulated images, 2 of 4 pictures: all of one class, none of the other.
    (row,) = re.findall(r"<tr><th scope=\"row\">.*?</tr>", section)
    assert ">cnn</a>" in row
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
    intervals = ["0.301 to 0.954", "0.150 to 0.850"]
    assert cells == ["0.7500", intervals[0], "0.5000", intervals[1], "0.5000"]
    assert "<code>pictures</code> · 4 real pictures · 2 contributions" in home


def test_each_benchmark_has_the_others_accuracy_in_a_column(seen: dict[str, str]) -> None:
    for page, column, cell in (
        (BOARD, "real", "0.5000"),
        ("benchmarks/pictures_bravais_class.html", "simulated", "0.7500"),
    ):
        by_name, shown = table(seen[page]), titles_shown(seen[page])
        assert by_name["cnn"][column] == cell
        assert column in shown
    assert by_name["another"]["simulated"] == ""
    assert "balanced accuracy" in shown


def test_pages_say_what_real_pictures_are(seen: dict[str, str]) -> None:
    page, card = seen["benchmarks/pictures_bravais_class.html"], seen["contributions/cnn.html"]
    assert "<dt>real pictures</dt><dd>4</dd>" in page
    assert "images in all" not in page
    assert "pictures_bravais_class.sources.json" in page
    assert "1 of 4 pictures got no answer" in card
    assert "jarvis-stem predict --benchmark pictures --contribution cnn\n" in card
    assert "jarvis-stem data fetch --benchmark pictures" in card
    assert "Nothing was trained for these pictures" in card


def test_nothing_to_show_is_a_page_as_well(project: Path) -> None:
    (project / "contributions" / "cnn").rename(project / "cnn")
    assert site.main(["--no-images"]) == 0
    assert "No benchmark has been scored yet" in (project / "site" / "index.html").read_text()


def test_a_changed_bundle_is_an_error_not_a_broken_page() -> None:
    with pytest.raises(StemError, match="itables: no DataTables"):
        builder._classic_script(b"export default 1;")


def test_paths_are_one_for_each_page() -> None:
    assert content.card_page("cnn") == PurePosixPath("contributions/cnn.html")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json", "--serve"], "exclude each other"),
        (["--port", "70000"], "70000"),
    ],
)
def test_wrong_arguments_are_refused(project: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        site.main(arguments)


def test_a_missing_folder_is_named(project: Path) -> None:
    with pytest.raises(StemError, match="nowhere: no such folder"):
        site.main(["--contributions", "nowhere"])


def test_only_a_whole_build_removes_cards(project: Path) -> None:
    site.main(["--no-images", "--quiet"])
    (project / "contributions" / "cnn").rename(project / "contributions" / "other")
    found = Project.read(project / PROJECT)
    content = scored(project / "contributions", project / "benchmarks", found)
    builder.build(content, project / "site", builder.SCORES)
    files = written(project / "site")
    assert "contributions/cnn.html" in files
    assert b'href="https://example.org/code/contributions/other"' in files[BOARD]
    builder.build(content, project / "site")
    files = written(project / "site")
    assert "contributions/cnn.html" not in files
    assert b'href="../contributions/other.html"' in files[BOARD]


def test_opens_the_page_in_the_browser(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    site.main(["--no-images", "--open"])
    assert opened == [(project / "site" / "index.html").as_uri()]


def test_a_port_in_use_is_named_before_anything_is_built(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StemError, match=f"port {port}: address already in use; name another"):
            site.main(["--serve", "--port", str(port), "--no-images"])
    assert not (project / "site").exists()


@contextmanager
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a process that serves, and its address."""
    command = [sys.executable, "-m", "jarvis_stem.site", "--serve", "--port", "0", "--no-images"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert "changed" in process.stdout.readline()
        yield process, process.stdout.readline().partition(" ")[0]
    finally:
        process.kill()
        process.communicate()


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310  our own address
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.read().decode()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A site of one page, in a folder with links and a file beside it."""
    root = tmp_path / "site"
    (root / "inner").mkdir(parents=True)
    (root / "index.html").write_text("<body>page</body>")
    (root / "inner" / "x.css").write_text("x {}")
    (tmp_path / "secret.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "linked").symlink_to(tmp_path)
    for name in ("index.html", "index.htm"):
        folder = root / f"its {name} is a link"
        folder.mkdir()
        (folder / name).symlink_to(tmp_path / "secret.txt")
    os.mkfifo(root / "pipe.html")
    (root / "its page is a pipe").mkdir()
    os.mkfifo(root / "its page is a pipe" / "index.html")
    (root / "inner" / "latin.html").write_bytes(b"<body>\xe9</body>")
    serving = Server(root, 0)
    serving.start()
    yield serving
    serving.shutdown()
    serving.server_close()


def ask(server: Server, path: str, host: str | None = None, method: str = "GET") -> tuple[int, str]:
    """Status and body of an answer, to a request written by hand."""
    lines = [f"{method} {path} HTTP/1.0"]
    if host != "":
        lines.append(f"Host: {host or f'127.0.0.1:{server.server_port}'}")
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=PATIENCE) as asked:
        asked.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        answer = b"".join(iter(lambda: asked.recv(2**16), b""))
    head, _, body = answer.decode("latin-1").partition("\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_only_this_machines_own_names_are_answered(server: Server, method: str) -> None:
    for host in ("evil.example", "127.0.0.1", f"evil.example:{server.server_port}", ""):
        status, body = ask(server, "/index.html", host, method)
        assert (status, "page" in body) == (421, False), host
    for host in (f"localhost:{server.server_port}", f"127.0.0.1:{server.server_port}"):
        assert ask(server, "/index.html", host, method)[0] == 200
        assert ask(server, "/index.html", f"{host}\r\nHost: evil.example", method)[0] == 421


@pytest.mark.parametrize(
    "path",
    [
        "/link.txt",
        "/linked/secret.txt",
        "/linked/",
        "/its%20index.html%20is%20a%20link/",
        "/its%20index.html%20is%20a%20link",
        "/its%20index.htm%20is%20a%20link/",
        "/pipe.html",
        "/its%20page%20is%20a%20pipe/",
        "/inner/",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/%00",
        "/x%00.html",
        f"/{'y' * 5000}",
        "/%ff",
        "/nothing",
        "/index.html/x",
    ],
)
def test_odd_paths_are_not_found_without_a_word(
    server: Server, path: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for method in ("GET", "HEAD"):
        status, body = ask(server, path, method=method)
        assert status in (301, 404)
        assert "secret" not in body.replace("secret.txt", "")
    assert capfd.readouterr().err == ""
    assert ask(server, "/inner/x.css") == (200, "x {}")
    assert ask(server, "/inner/latin.html")[0] == 200


def test_connections_are_bounded_in_number_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "CONNECTIONS", 2)
    monkeypatch.setattr(serve._Handler, "timeout", 0.5)
    (tmp_path / "index.html").write_text("<body>page</body>")
    server = Server(tmp_path, 0)
    server.start()
    try:
        address = ("127.0.0.1", server.server_port)
        silent = [socket.create_connection(address, timeout=PATIENCE) for _ in range(2)]
        while server._free.acquire(blocking=False):  # until both are being waited for
            server._free.release()
            time.sleep(0.01)
        with socket.create_connection(address, timeout=PATIENCE) as third:
            assert third.recv(10) == b""  # hung up on
        for one in silent:
            assert one.recv(10) == b""  # after its time
            one.close()
        while True:
            try:
                assert ask(server, "/index.html")[0] == 200
                break
            except (ConnectionError, IndexError):
                time.sleep(0.01)
    finally:
        server.shutdown()
        server.server_close()


def test_two_builds_at_once_make_one_site(project: Path) -> None:
    command = [sys.executable, "-m", "jarvis_stem.site", "--no-images"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    builds = [
        subprocess.Popen(command, cwd=project, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [build.communicate(timeout=PATIENCE)[1] for build in builds] == ["", ""]
    assert [build.returncode for build in builds] == [0, 0]
    files = {
        p.relative_to(project / "site").as_posix()
        for p in (project / "site").rglob("*")
        if p.is_file()
    }
    listed = json.loads((project / "site" / ".site.json").read_text())["files"]
    assert files == {*listed, ".site.json"}
    assert site.main(["--no-images", "--json"]) == 0


def test_serves_this_machine_alone_and_rebuilds(project: Path) -> None:
    with serving(project) as (process, url):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
        assert "/.reload.js" in get(url)
        assert get(url) == get(f"{url}index.html")
        assert "/.reload.js" not in (project / "site" / "index.html").read_text()
        assert "/.version" in get(f"{url}.reload.js")
        assert get(f"{url}.version") == "0"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"{url}../{PROJECT}")
        add_contribution(project / "contributions", "later", GOOD)
        until = time.monotonic() + 60
        while get(f"{url}.version") == "0" and time.monotonic() < until:
            time.sleep(0.1)
        assert "later" in get(f"{url}{BOARD}")
        (project / PROJECT).write_text("{")
        assert process.stderr
        assert "error: metadata.json: not JSON" in process.stderr.readline()
        assert "later" in get(f"{url}{BOARD}")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=PATIENCE) == 0
        assert process.stderr.read() == ""
