"""Says which class points belong to, by the model of the newest training or of --model.

echo '{"points": [[0.5, 0.2]]}' | python src/predict.py
python src/predict.py --port 8000     # answers over HTTP: POST /predict, GET /health
"""

import argparse
import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

import model as models

ROOT = Path(__file__).resolve().parent.parent
CONTAINED = Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()
"""In a container, which is reached from outside at the ports that are published only."""
FARTHEST = 1e6
"""Coordinates beyond are no points of this data, and far enough they would overflow."""
LONGEST = 10_000_000
"""Bytes of a request that are read at most."""


def newest(*folders):
    """The model below some folders that was trained last."""
    found = [path for folder in folders for path in folder.rglob(models.FILE)]
    if not found:
        where = " or ".join(map(str, folders))
        sys.exit(f"error: there is no {models.FILE} below {where}: train one (src/train.py), or name it (--model)")
    return max(found, key=lambda path: path.stat().st_mtime_ns)


def predict(model, request):
    """The answer to ``{"points": [[x, y], …]}``: ``{"labels": […], "probabilities": [[…], …]}``.

    Raises:
        ValueError: the request is something else.
    """
    points = request.get("points") if isinstance(request, dict) else None
    try:
        points = np.array(points, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        points = np.zeros(0)
    if points.ndim != 2 or points.shape[1] != 2 or not (np.abs(points) <= FARTHEST).all():
        raise ValueError(f'expected {{"points": [[x, y], …]}} with numbers from -{FARTHEST:g} to {FARTHEST:g}')
    likely = models.probabilities(model, points)
    return {"labels": likely.argmax(axis=1).tolist(), "probabilities": likely.tolist()}


def handler(model):
    """What answers requests over HTTP with one model."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/health":
                self.answer(200, {"status": "ok"})
            else:
                self.answer(404, {"error": "there are GET /health and POST /predict"})

        def do_POST(self):
            if self.path != "/predict":
                self.answer(404, {"error": "there are GET /health and POST /predict"})
                return
            try:
                length = int(self.headers.get("Content-Length", ""))
            except ValueError:
                length = -1
            if not 0 <= length <= LONGEST:
                self.close_connection = True
                self.answer(
                    413 if length > 0 else 411, {"error": f"expected at most {LONGEST} bytes, and their number"}
                )
                return
            try:
                self.answer(200, predict(model, json.loads(self.rfile.read(length))))
            except (ValueError, RecursionError) as problem:
                self.answer(400, {"error": str(problem)})

        def answer(self, status, content):
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


def serve(model, host, port):
    """Answers until SIGTERM or Ctrl-C."""
    server = ThreadingHTTPServer((host, port), handler(model))
    # Asked for by containers, which send SIGTERM; shutdown waits for the loop, so that it needs a thread of its own.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"serving on http://{host}:{server.server_port}", file=sys.stderr, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


def main():
    parser = argparse.ArgumentParser(description="Say which class points belong to.")
    parser.add_argument("input", nargs="?", default="-", help='JSON file with {"points": [[x, y], …]}; - is stdin')
    parser.add_argument("--model", type=Path, help="the model's file, or a folder with it; the newest if not given")
    parser.add_argument("--port", type=int, help="answer over HTTP at this port; 0 takes a free one")
    parser.add_argument("--host", default="0.0.0.0" if CONTAINED else "127.0.0.1", help="address to listen at")
    args = parser.parse_args()
    path = args.model or newest(ROOT / "outputs", ROOT / "multirun")
    if not path.exists():
        sys.exit(f"error: there is no {path}")
    model = models.load(newest(path) if path.is_dir() else path)
    if args.port is not None:
        serve(model, args.host, args.port)
        return
    try:
        text = sys.stdin.read() if args.input == "-" else Path(args.input).read_text(encoding="utf-8")
        answer = predict(model, json.loads(text))
    except (OSError, ValueError, RecursionError) as problem:
        sys.exit(f"error: {problem}")
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
