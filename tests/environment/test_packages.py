"""Distributions read from folders: real installs by pip and uv, and hand-made ones for the rest."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata

import pytest

from reenact.environment.packages import check_files, distributions, normalise, strip_credentials


def _hash(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def build_wheel(folder, body=b"VALUE = 1\n", version="1.0"):
    """A tiny pure wheel with a console script and a file whose name needs quoting in RECORD."""
    info = f"Tiny_Pkg-{version}.dist-info"
    files = {
        "tiny_pkg/__init__.py": body,
        "tiny_pkg/a, b.txt": b"data\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: Tiny.Pkg\nVersion: {version}\n\nVersion: 9\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": b"[console_scripts]\ntiny = tiny_pkg:main\n",
    }
    rows = [f'"{name}",{_hash(data)},{len(data)}' for name, data in files.items()] + [f"{info}/RECORD,,"]
    files[f"{info}/RECORD"] = ("\n".join(rows) + "\n").encode()
    path = folder / f"Tiny_Pkg-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def install_by_hand(site, name, version="1.0", *, files=None, direct=None, metadata_text=None):
    """A .dist-info folder with a RECORD for `files`."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(metadata_text or f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n")
    rows = [f"{info.name}/RECORD,,"]
    for path, data in (files or {}).items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(data)
        rows.append(f"{path},{_hash(data)},{len(data)}")
    if direct is not None:
        (info / "direct_url.json").write_text(json.dumps(direct))
    (info / "RECORD").write_text("\n".join(rows) + "\n")
    return info


def one(site):
    (dist,) = distributions([str(site)])
    return dist


@pytest.mark.slow
def test_pip_and_uv_give_one_fingerprint(tmp_path):
    """The same wheel installed by both: the same fingerprint; another build of the same version: another."""
    uv = shutil.which("uv", path=os.path.dirname(sys.executable)) or shutil.which("uv")
    assert uv is not None, "uv is not installed: `make test` installs it"
    pytest.importorskip("pip")
    wheel = build_wheel(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    changed = build_wheel(other, body=b"VALUE = 2\n")
    venv = tmp_path / "venv"
    offline = {**os.environ, "UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "cache"), "UV_NO_CONFIG": "1"}
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(venv)], check=True, env=offline)
    python = str(venv / "bin" / "python")
    (site,) = venv.glob("lib/python*/site-packages")

    subprocess.run([uv, "pip", "install", "-q", "--python", python, str(wheel)], check=True, env=offline)
    by_uv = one(site)
    assert check_files(by_uv) == []
    subprocess.run([uv, "pip", "uninstall", "-q", "--python", python, "tiny-pkg"], check=True, env=offline)
    assert distributions([str(site)]) == []
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-index", "--no-deps", "--compile"]
    subprocess.run([*pip, "--disable-pip-version-check", str(wheel)], check=True)
    by_pip = one(site)
    assert check_files(by_pip) == []
    assert (site / "Tiny_Pkg-1.0.dist-info" / "INSTALLER").read_text().strip() == "pip"
    assert by_pip["name"] == "tiny-pkg" and by_pip["version"] == "1.0" and by_pip["tag"] == "py3-none-any"
    assert by_pip["url"].startswith(wheel.as_uri() + "#sha256=")
    assert by_pip["fingerprint"] == by_uv["fingerprint"] is not None
    assert not by_pip["editable"] and by_pip["location"] == str(site)

    subprocess.run([*pip, "--force-reinstall", "--disable-pip-version-check", str(changed)], check=True)
    assert one(site)["version"] == "1.0"
    assert one(site)["fingerprint"] != by_pip["fingerprint"]


def test_same_as_importlib_metadata():
    """This interpreter's own packages, read by the standard library and by us."""
    path = [folder for folder in sys.path if folder and "site-packages" in folder]
    expected = {}
    for dist in metadata.distributions(path=path):
        expected.setdefault(normalise(dist.metadata["Name"]), dist.version)
    found = distributions(path)
    assert {dist["name"]: dist["version"] for dist in found} == expected
    assert [dist["name"] for dist in found] == sorted(expected)
    assert all(dist["tag"] for dist in found if dist["name"] in ("numpy", "pytest"))


def test_what_installers_write_does_not_count(tmp_path):
    a, b, c = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    install_by_hand(a, "x", files={"x.py": b"1"})
    info = install_by_hand(b, "x", files={"x.py": b"1"})
    record = info / "RECORD"
    extra = "x.py,{0}\n../../bin/x,sha256=AAAA,3\n__pycache__/x.cpython-311.pyc,,\n/abs/x,,\n"
    extra += "".join(f"{info.name}/{name},sha256=BBBB,3\n" for name in ("INSTALLER", "REQUESTED", "direct_url.json"))
    rows = [row for row in record.read_text().splitlines() if not row.startswith("x.py,")]
    record.write_text(extra.format(_hash(b"1") + "=,1") + "\n".join(rows) + "\r\n")
    install_by_hand(c, "x", files={"x.py": b"2"})
    assert one(a)["fingerprint"] == one(b)["fingerprint"] != one(c)["fingerprint"]


def test_first_on_the_path_wins(tmp_path):
    install_by_hand(tmp_path / "first", "Foo.Bar", "2.0")
    install_by_hand(tmp_path / "second", "foo_bar", "1.0")
    folders = [str(tmp_path / "missing"), str(tmp_path / "first"), str(tmp_path / "second")]
    (dist,) = distributions(folders)
    assert (dist["name"], dist["version"], dist["location"]) == ("foo-bar", "2.0", str(tmp_path / "first"))
    (dist,) = distributions(reversed(folders))
    assert dist["version"] == "1.0"


@pytest.mark.parametrize(
    ("direct", "editable", "url", "vcs"),
    [
        ({"url": "file:///src/x", "dir_info": {"editable": True}}, True, "file:///src/x", None),
        ({"url": "file:///src/x", "dir_info": {}}, False, "file:///src/x", None),
        (
            {
                "url": "https://me:pw@example.org/x.git",
                "vcs_info": {"vcs": "git", "commit_id": "abc", "requested_revision": "main"},
                "subdirectory": "py",
            },
            False,
            "https://example.org/x.git#subdirectory=py",
            {"type": "git", "commit": "abc"},
        ),
        (
            {"url": "ssh://git@example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            False,
            "ssh://git@example.org/x.git",
            {"type": "git", "commit": "abc"},
        ),
        (
            {"url": "https://example.org/x.whl?token=1", "archive_info": {"hash": "sha256=ab"}},
            False,
            "https://example.org/x.whl#sha256=ab",
            None,
        ),
    ],
)
def test_direct_urls(tmp_path, direct, editable, url, vcs):
    install_by_hand(tmp_path, "x", direct=direct)
    dist = one(tmp_path)
    assert (dist["editable"], dist["url"], dist["vcs"]) == (editable, url, vcs)


def test_egg_info_file_folder_and_link(tmp_path):
    site, source = tmp_path / "site", tmp_path / "source"
    (source / "dev.egg-info").mkdir(parents=True)
    (source / "dev.egg-info" / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: dev\nVersion: 0.1\n")
    site.mkdir()
    (site / "dev.egg-link").write_text(f"{source}\n.")
    (site / "old-3.2.egg-info").write_text("Metadata-Version: 1.0\nName: old\nVersion: 3.2\n")
    dev, old = distributions([str(site), str(source)])
    assert (dev["name"], dev["editable"], dev["url"]) == ("dev", True, f"file://{source}")
    assert (old["name"], old["version"], old["fingerprint"], old["editable"]) == ("old", "3.2", None, False)
    assert check_files(old) == []


def test_broken_metadata_is_survived(tmp_path):
    install_by_hand(tmp_path, "good", direct={"no": "url"})
    (tmp_path / "~ood-1.0.dist-info").mkdir()
    (tmp_path / "bare-2.0.dist-info").mkdir()
    (tmp_path / "binary-1.0.dist-info").mkdir()
    (tmp_path / "binary-1.0.dist-info" / "METADATA").write_bytes(b"\xff\xfe\x00Name: \xff")
    (tmp_path / "binary-1.0.dist-info" / "RECORD").write_bytes(b"\xff\xfe,\n\n\x00")
    names = {dist["name"]: dist["version"] for dist in distributions([str(tmp_path)])}
    assert names == {"bare": "2.0", "binary": "1.0", "good": "1.0"}


def test_check_files_finds_changed_and_missing(tmp_path):
    files = {"x/a.py": b"abc", "x/b.py": b"def", "x/c.py": b"ghi", "x/sp ace ü.py": b"1"}
    install_by_hand(tmp_path, "x", files=files)
    dist = one(tmp_path)
    assert check_files(dist) == []
    (tmp_path / "x/a.py").write_bytes(b"ABC")
    (tmp_path / "x/b.py").unlink()
    (tmp_path / "x/c.py").write_bytes(b"longer")
    a, b, c = (str(tmp_path / "x" / name) for name in ("a.py", "b.py", "c.py"))
    assert check_files(dist) == [
        {"path": a, "problem": "changed"},
        {"path": b, "problem": "missing"},
        {"path": c, "problem": "changed"},
    ]
    # Sizes alone cannot see a change of the same length.
    assert [problem["path"] for problem in check_files(dist, content=False)] == [b, c]


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://example.org/x", "https://example.org/x"),
        ("https://u:p@example.org/x?a=1#f", "https://example.org/x#f"),
        ("https://token@example.org:8443/x", "https://example.org:8443/x"),
        ("git@github.com:a/b.git", "git@github.com:a/b.git"),
        ("ssh://git@h/x", "ssh://git@h/x"),
        ("ssh://git:pw@h/x", "ssh://h/x"),
        ("/some/path", "/some/path"),
    ],
)
def test_strip_credentials(url, clean):
    assert strip_credentials(url) == clean
