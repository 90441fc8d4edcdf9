"""Wheels and locks made on the spot, so that no index is asked."""

import base64
import hashlib
import zipfile
from pathlib import Path


def make_wheel(folder: Path, name: str, version: str, files: dict[str, str], scripts: dict[str, str] | None = None):
    """Write ``name-version-py3-none-any.whl``; ``scripts`` are console scripts. The bytes are the same each time."""
    info = f"{name}-{version}.dist-info"
    whole = dict(files)
    whole[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    whole[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: by-hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if scripts:
        rows = "".join(f"{script} = {target}\n" for script, target in scripts.items())
        whole[f"{info}/entry_points.txt"] = f"[console_scripts]\n{rows}"
    record = ""
    for path, text in sorted(whole.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record += f"{path},sha256={digest},{len(text.encode())}\n"
    whole[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    target = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in sorted(whole.items()):
            archive.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), text)
    return target


def make_lock(root: Path, wheels: list[Path]) -> Path:
    """Write a pylock.toml that names these wheels by path and hash."""
    blocks = ['lock-version = "1.0"\ncreated-by = "a test"\nrequires-python = ">=3.9"\n']
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        blocks.append(
            f'[[packages]]\nname = "{name}"\nversion = "{version}"\n'
            f'wheels = [{{ name = "{wheel.name}", path = "{wheel}", hashes = {{ sha256 = "{digest}" }} }}]\n'
        )
    lock = root / "pylock.toml"
    lock.write_text("\n".join(blocks))
    return lock


def small_project(root: Path, number: str = "1.0") -> Path:
    """A project whose lock has two packages, ``tinymath`` and ``tinytool`` with a console script of that name."""
    wheels = root / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    math = make_wheel(wheels, "tinymath", number, {"tinymath/__init__.py": f"VERSION = {number!r}\n\n\ndef double(x):\n    return x * 2\n"})  # fmt: skip
    tool = make_wheel(
        wheels,
        "tinytool",
        "2.0",
        {"tinytool.py": "import tinymath\n\n\ndef main():\n    print('tinytool', tinymath.VERSION)\n"},
        {"tinytool": "tinytool:main"},
    )
    make_lock(root, [math, tool])
    (root / "train.py").write_text("import tinymath\n\nprint(tinymath.double(21))\n")
    return root
