"""What it costs before the script's first line and after its last.

``reenact --version`` against ``python -c pass``; ``reenact run`` of an empty script against the bare script, and against a trivial
``@hydra.main`` app, which is what people already pay for a configured run; that app with the probe alone against itself bare. Hydra is installed into the benchmarks' own virtual
environment; where it cannot be, its row is left out with a word.

    python benchmarks/startup.py
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

from installed import python_with
from measuring import Pairs, Row, environment, paired, project, reenact, table, timer

from reenact import probe

HYDRA_APP = """\
import hydra


@hydra.main(version_base=None, config_path=None)
def main(config):
    pass


if __name__ == "__main__":
    main()
"""


def rows(quick: bool = False) -> list[Row]:
    """The rows of this benchmark."""
    pairs = 7 if quick else 15
    found = []
    with project() as folder:
        (folder / "empty.py").write_text("")
        (folder / "app.py").write_text(HYDRA_APP)
        bare = timer([sys.executable, "-c", "pass"], folder)
        version = paired(bare, timer(reenact("--version"), folder), pairs)
        found.append(
            Row("startup reenact --version", str(version), version.ratio, 4, "x", _note(version, "python -c pass"))
        )
        script = timer([sys.executable, "empty.py"], folder)
        recorded = timer(reenact("run", "--quiet", sys.executable, "empty.py"), folder)
        run = paired(script, recorded, pairs)
        found.append(Row("startup reenact run empty.py", str(run), run.ratio, None, "x", _note(run, "python empty.py")))
        python, problem = python_with("hydra", "hydra-core==1.3.*")
        name = "startup reenact run / hydra app"
        if python is None:
            print(f"{name}: skipped: {problem}", file=sys.stderr)
        else:
            hydra = paired(timer([python, "app.py"], folder), recorded, pairs)
            found.append(Row(name, str(hydra), hydra.ratio, 1, "x", _note(hydra, "a trivial @hydra.main app")))
            app = timer([python, "app.py"], folder)
            watched = paired(app, timer([python, "app.py"], folder, _probed(folder)), pairs)
            note = _note(watched, "a trivial @hydra.main app")
            found.append(Row("startup probe in a hydra app", str(watched), watched.ratio, 1.05, "x", note))
    return found


def _probed(folder: Path) -> dict[str, str]:
    """The environment that puts the probe, and nothing else of reenact, into a process."""
    settings = folder / "probe.json"
    settings.write_text(json.dumps({"run_dir": str(folder / "run"), "root": str(folder), "hide": {"PYTHONPATH": None}}))
    return environment(PYTHONPATH=str(Path(probe.__file__).parent / "inject"), REENACT_PROBE=str(settings))


def _note(pairs: Pairs, of: str) -> str:
    a, b = statistics.median(pairs.a), statistics.median(pairs.b)
    return f"{b * 1e3:.0f} ms against {a * 1e3:.0f} ms of {of}"


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(table(rows()))


if __name__ == "__main__":
    main()
