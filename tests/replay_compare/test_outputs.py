"""Outputs of two runs: matched, compared by kind of file, and told truly."""

import gzip
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
import zlib

import pytest

from reenact.replay.compare import Tolerance
from reenact.replay.outputs import compare_files, compare_outputs, outputs_agree
from reenact.replay.outputs.match import pair


@pytest.fixture
def files(tmp_path):
    def make(name, one, other, tolerance=None):
        a, b = tmp_path / "a" / name, tmp_path / "b" / name
        for path, content in ((a, one), (b, other)):
            path.parent.mkdir(exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                content(path)
        return compare_files(name, a, b, tolerance)

    return make


# Matching


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("outputs/2026-11-21/09-01-02/model.pt", "outputs/2026-11-22/10-11-12/model.pt"),
        ("outputs/2026-11-21/090102/model.pt", "outputs/2026-11-22/101112/model.pt"),
        ("runs/Nov21_09-02-07_host/x.txt", "runs/Dec02_10-02-07_host/x.txt"),
        ("runs/Nov21_09-02-07_host/x.txt", "runs/Dec02_10-02-07_other-box/x.txt"),
        (
            "runs/Nov21_09-02-07_h/events.out.tfevents.1732179727.h.123.0",
            "runs/Nov22_09-02-07_h/events.out.tfevents.1732266127.h.4567.0",
        ),
        ("events.out.tfevents.1732179727.host-1.123.0", "events.out.tfevents.1732266127.node7.99.0"),
        ("lightning_logs/version_0/hparams.yaml", "lightning_logs/version_12/hparams.yaml"),
        ("wandb/run-20261121_090102-ab12cd34/x", "wandb/run-20261122_090102-9z8y7x6w/x"),
        ("model_1732179727.pt", "model_1732266127.pt"),
        ("model-20261121T090102Z.pt", "model-20261122T090102Z.pt"),
        ("log-pid123.txt", "log-pid99.txt"),
    ],
)
def test_clock_like_names_are_paired(one, other):
    assert pair([one], [other]) == ([(one, other)], [], [])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("model.pt", "weights.pt"),
        ("checkpoint-100.pt", "checkpoint-200.pt"),
        ("100000.pt", "120000.pt"),
        ("a/x", "b/x"),
    ],
)
def test_other_names_are_not(one, other):
    assert pair([one], [other]) == ([], [one], [other])


def test_same_path_wins_and_the_rest_pairs_in_natural_order():
    pairs, gone, new = pair(
        ["v/version_9/x", "v/version_10/x", "v/version_11/x"], ["v/version_11/x", "v/version_1/x", "v/version_2/x"]
    )
    assert pairs == [
        ("v/version_9/x", "v/version_1/x"),
        ("v/version_10/x", "v/version_2/x"),
        ("v/version_11/x", "v/version_11/x"),
    ]
    assert (gone, new) == ([], [])


def test_random_ids_only_when_unique():
    assert pair(["r/ab12cd34"], ["r/zz99yy88"])[0] == [("r/ab12cd34", "r/zz99yy88")]
    assert pair(["r/ab12cd34", "r/ab12cd35"], ["r/zz99yy88"])[0] == []


def test_compare_outputs_end_to_end(tmp_path):
    blobs = {"sha256:1": b"x\n", "sha256:2": b"y\n"}
    for digest, data in blobs.items():
        (tmp_path / digest).write_bytes(data)

    def item(path, digest):
        return {"path": path, "digest": digest, "size": 2}

    def opened(digest):
        return tmp_path / digest

    baseline = [item("a.txt", "sha256:1"), item("2026-01-01/b.txt", "sha256:1"), item("gone", "sha256:1")]
    baseline += [item("c.log", "sha256:1"), item("lost.txt", "sha256:9")]
    candidate = [item("a.txt", "sha256:2"), item("2026-01-02/b.txt", "sha256:1"), item("new", "sha256:1")]
    candidate += [item("c.log", "sha256:2"), item("lost.txt", "sha256:1")]
    results = {r.path: r for r in compare_outputs(baseline, candidate, opened, opened, ignore=["*.log"])}
    assert (results["a.txt"].equal, results["a.txt"].how) == (False, "text")
    assert "line 1" in results["a.txt"].detail
    dated = results["2026-01-01/b.txt"]
    assert dated.equal and dated.candidate_path == "2026-01-02/b.txt" and "matched with" in dated.detail
    assert results["gone"].how == "only-in-baseline" and results["gone"].candidate_path is None
    assert results["new"].how == "only-in-candidate"
    assert results["c.log"].how == "ignored" and not results["c.log"].equal
    assert results["lost.txt"].how == "unavailable" and not results["lost.txt"].equal
    assert not outputs_agree(results.values())
    assert outputs_agree([dated, results["c.log"]])


def test_ignore_takes_folders(tmp_path):
    one = [{"path": "logs/deep/x.txt", "digest": "sha256:1", "size": 1}]
    assert compare_outputs(one, [], None, None, ignore=["logs/"])[0].how == "ignored"
    assert compare_outputs(one, [], None, None, ignore=["deep"])[0].how == "ignored"
    assert compare_outputs(one, [], None, None, ignore=["other"])[0].how == "only-in-baseline"


# torch


torch = pytest.importorskip("torch")
np = pytest.importorskip("numpy")


def saved(value, **kwargs):
    return lambda path: torch.save(value, path, **kwargs)


def checkpoint(**changes):
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "parameter": model.weight,
        "view": torch.arange(12.0).reshape(3, 4).t(),
        "step": torch.arange(10)[::3],
        "bf16": torch.ones(2, dtype=torch.bfloat16),
        "fp8": torch.ones(2).to(torch.float8_e4m3fn),
        "sparse": torch.eye(2).to_sparse(),
        "complex": torch.ones(2, dtype=torch.complex64),
        "bool": torch.tensor([True, False]),
        "size": torch.Size([1, 2]),
        "dtype": torch.float16,
        "epoch": 3,
        "lr": 1e-3,
        "names": {"b", "a"},
        "numpy": np.arange(6.0).reshape(2, 3),
        "rng": np.random.RandomState(0).get_state(),
        **changes,
    }


def test_torch_equal_content_in_another_file_name(files, tmp_path):
    # torch names the zip's root after the file, so the same content gives other bytes.
    def other(path):
        torch.save(checkpoint(), tmp_path / "another-name.pt")
        os.replace(tmp_path / "another-name.pt", path)

    found = files("model.pt", saved(checkpoint()), other)
    assert (found.equal, found.how) == (True, "tensors")
    assert "envelope" in found.detail


def test_torch_zip_timestamps(files):
    def repacked(path):
        buffer = io.BytesIO()
        torch.save(checkpoint(), buffer)
        with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, "w") as target:
            for name in source.namelist():
                target.writestr(zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6)), source.read(name))

    assert files("model.pt", saved(checkpoint()), repacked).equal


def changed(key, function):
    whole = checkpoint()
    value = whole[key]
    whole[key] = function(value.clone() if isinstance(value, torch.Tensor) else value)
    return whole


def set_first(value, new):
    with torch.no_grad():
        value.view(-1)[0] = new
    return value


@pytest.mark.parametrize(
    ("key", "function", "words"),
    [
        ("bf16", lambda t: set_first(t, 1.0078125), ["bf16", "1 of 2", "at most 1 ULP"]),
        ("bool", lambda t: ~t, ["bool", "2 of 2"]),
        ("complex", lambda t: set_first(t, 1 + 1j), ["complex", "1 of 2", "[0]"]),
        ("fp8", lambda t: torch.tensor([1.0, 2.0]).to(t.dtype), ["fp8", "1 of 2"]),
        (
            "view",
            lambda t: torch.arange(12.0).reshape(3, 4).t() + torch.eye(4, 3)[:, [1, 0, 2]] * 0.5,
            ["view", "[0, 1]"],
        ),
        ("step", lambda t: torch.arange(1, 11)[::3], ["step", "4 of 4", "1 absolute"]),
        ("epoch", lambda _: 4, ["epoch: 3 became 4"]),
        ("lr", lambda _: 2e-3, ["lr: 0.001 became 0.002"]),
        ("names", lambda _: {"a", "c"}, ["names: other members"]),
        ("dtype", lambda _: torch.float32, ["dtype", "class"]),
        ("size", lambda _: torch.Size([2, 1]), ["size"]),
        ("numpy", lambda a: a + np.eye(2, 3), ["numpy", "2 of 6"]),
        ("sparse", lambda t: (torch.eye(2) * 2).to_sparse(), ["sparse", "2 of 2"]),
        ("parameter", lambda t: torch.nn.Parameter(t.detach() * 2), ["parameter", "6 of 6"]),
    ],
)
def test_torch_names_what_differs(files, key, function, words):
    found = files("model.pt", saved(checkpoint()), saved(changed(key, function)))
    assert not found.equal
    for word in words:
        assert word in found.detail, found.detail


def test_torch_ulp_zero_sign_and_nan_payload(files):
    one = torch.tensor([1.0, 0.0, float("nan")])
    other = one.clone()
    other[1] = -0.0
    found = files("m.pt", saved(one), saved(other))
    assert not found.equal and "values equal" in found.detail and "first at [1]" in found.detail
    payload = torch.tensor([1.0, 0.0]).view(torch.int32).tolist()
    other = torch.tensor([*payload, 0x7FC00001], dtype=torch.int32).view(torch.float32)
    assert "values equal" in files("m.pt", saved(one), saved(other)).detail
    other = torch.nextafter(torch.tensor(1.0), torch.tensor(2.0)).repeat(3)
    found = files("m.pt", saved(torch.ones(3)), saved(other))
    assert "3 of 3" in found.detail and "at most 1 ULP" in found.detail and "1.19e-07 absolute" in found.detail


def test_torch_tolerance(files):
    one, other = torch.ones(3), torch.ones(3) * 1.0001
    assert files("m.pt", saved(one), saved(other), Tolerance(relative=1e-3)).how == "tolerance"
    found = files("m.pt", saved(one), saved(other), Tolerance(relative=1e-6))
    assert not found.equal
    assert not files("m.pt", saved({"a": one, "n": "x"}), saved({"a": other, "n": "y"}), Tolerance(relative=1e-3)).equal


def test_torch_legacy_falls_back_to_bytes(files):
    old = {"_use_new_zipfile_serialization": False}
    found = files("m.pth", saved(torch.ones(2), **old), saved(torch.zeros(2), **old))
    assert (found.equal, found.how) == (False, "bytes")
    assert "zip form" in found.detail


def test_torch_class_instances_are_opaque_and_never_built(files):
    found = files("m.pt", saved(torch.nn.Linear(2, 2)), saved(torch.nn.Linear(2, 2)))
    assert not found.equal and "weight" in found.detail
    torch.manual_seed(0)
    one = torch.nn.Linear(2, 2)
    torch.manual_seed(0)
    assert (
        files("m.pt", saved({"x": one, "y": 1}), saved({"x": torch.nn.Linear(2, 2), "y": 2})).detail == "y: 1 became 2"
    )


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (self.path,))


@pytest.mark.parametrize("name", ["m.pt", "m.pkl"])
def test_nothing_in_a_pickle_is_run(files, tmp_path, name):
    def dump(path, where):
        if name.endswith(".pt"):
            torch.save({"bomb": Bomb(where)}, path)
        else:
            path.write_bytes(pickle.dumps({"bomb": Bomb(where)}))

    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    found = files(name, lambda path: dump(path, one), lambda path: dump(path, other))
    assert not found.equal and "mkdir" in found.detail
    assert not (tmp_path / "one").exists() and not (tmp_path / "other").exists()


# numpy, pickles


def test_npy_and_npz(files):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    other = array.copy()
    other[1, 0] = np.nextafter(np.float32(3), np.float32(4))
    found = files("x.npy", lambda p: np.save(p, array), lambda p: np.save(p, other))
    assert "1 of 6" in found.detail and "[1, 0]" in found.detail and "1 ULP" in found.detail
    found = files("x.npy", lambda p: np.save(p, array), lambda p: np.save(p, np.asfortranarray(array)))
    assert found.equal and found.how == "tensors"

    def dated(path):
        with zipfile.ZipFile(path, "w") as archive:
            buffer = io.BytesIO()
            np.save(buffer, array)
            archive.writestr(zipfile.ZipInfo("a.npy", (2026, 1, 1, 0, 0, 0)), buffer.getvalue())

    assert files("x.npz", lambda p: np.savez(p, a=array), dated).equal
    found = files("x.npz", lambda p: np.savez(p, a=array, b=array), lambda p: np.savez(p, a=other, b=array))
    assert not found.equal and found.detail.startswith("a:")


def test_pickle_by_structure(files):
    shared = [1.5]
    found = files("x.pkl", pickle.dumps([shared, shared], 2), pickle.dumps([[1.5], [1.5]], 4))
    assert (found.equal, found.how) == (True, "structure")
    assert files("x.pkl", pickle.dumps({"a": 0.0}), pickle.dumps({"a": -0.0})).detail == "a: 0.0 became -0.0"
    assert not files("x.pkl", pickle.dumps([1]), pickle.dumps([True])).equal
    found = files("x.pkl", pickle.dumps({"a": 1, "b": 2}), pickle.dumps({"b": 2, "a": 1}))
    assert found.equal and "order" in found.detail


def test_joblib(files):
    joblib = pytest.importorskip("joblib")
    from sklearn.linear_model import LinearRegression

    x = np.arange(20.0).reshape(10, 2) ** 1.5
    one = LinearRegression().fit(x, x[:, 0])
    other = LinearRegression().fit(x, x[:, 1])
    found = files("m.joblib", lambda p: joblib.dump(one, p), lambda p: joblib.dump(one, p, compress=3))
    assert found.equal, found.detail
    found = files("m.joblib", lambda p: joblib.dump(one, p), lambda p: joblib.dump(other, p))
    assert not found.equal and "coef_" in found.detail


# Archives, documents, text, TensorBoard


def test_gzip_zip_tar_timestamps(files):
    found = files("x.gz", gzip.compress(b"abc", mtime=1), gzip.compress(b"abc", mtime=2))
    assert (found.equal, found.detail) == (True, "equal but for timestamps")
    assert not files("x.gz", gzip.compress(b"abc", mtime=1), gzip.compress(b"abd", mtime=1)).equal

    def zipped(date, content):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(zipfile.ZipInfo("m", date), content)
        return buffer.getvalue()

    early, late = (2026, 1, 1, 0, 0, 0), (2026, 1, 2, 0, 0, 0)
    assert "timestamps" in files("x.zip", zipped(early, b"1"), zipped(late, b"1")).detail
    assert files("x.zip", zipped(early, b"1"), zipped(late, b"2")).detail == "member m differs"

    def tarred(time, content):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            info = tarfile.TarInfo("m")
            info.size, info.mtime = len(content), time
            archive.addfile(info, io.BytesIO(content))
        return buffer.getvalue()

    assert files("x.tar", tarred(1, b"1"), tarred(2, b"1")).equal
    assert not files("x.tar", tarred(1, b"1"), tarred(2, b"2")).equal


def png(pixel, *extra):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    image = chunk(b"IDAT", zlib.compress(bytes([0, pixel])))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunk(*e) for e in extra) + image + chunk(b"IEND", b"")


def test_png_dates_do_not_count(files):
    found = files("x.png", png(1, (b"tIME", b"1234567")), png(1, (b"tIME", b"1234568")))
    assert (found.equal, found.how) == (True, "dates-masked")
    assert files("x.png", png(1, (b"tEXt", b"Creation Time\0a")), png(1)).equal
    assert not files("x.png", png(1), png(2)).equal
    found = files("x.png", png(1, (b"tEXt", b"Software\0a")), png(1, (b"tEXt", b"Software\0b")))
    assert not found.equal and "pixels equal" in found.detail and "Software" in found.detail


def test_pdf_dates_do_not_count(files):
    pdf = b"%%PDF-1.4 << /CreationDate (D:2026%b) /Producer (x) >> /ID [<a%b> <b%b>] body %b"
    found = files("x.pdf", pdf % (b"01", b"01", b"01", b"z"), pdf % (b"02", b"02", b"02", b"z"))
    assert (found.equal, found.how) == (True, "dates-masked")
    assert not files("x.pdf", pdf % (b"01", b"01", b"01", b"z"), pdf % (b"01", b"01", b"01", b"y")).equal


def test_svg_date_does_not_count(files):
    svg = b"<svg><metadata><dc:date>%b</dc:date></metadata><path d='%b'/></svg>"
    found = files("x.svg", svg % (b"2026-01-01T10:00:00", b"M0"), svg % (b"2026-01-02T11:00:00", b"M0"))
    assert (found.equal, found.how) == (True, "dates-masked")
    assert not files("x.svg", svg % (b"2026-01-01T10:00:00", b"M0"), svg % (b"2026-01-01T10:00:00", b"M1")).equal


def test_text(files):
    found = files("x.csv", b"a,b\n1,2\n", b"a,b\n1,3\n")
    assert not found.equal and "line 2: '1,2' became '1,3'" in found.detail
    assert files("x.csv", b"a\n1.0\n", b"a\n1.0001\n", Tolerance(relative=1e-3)).how == "tolerance"
    assert not files("x.csv", b"a\n1.0\n", b"a\n1.1\n", Tolerance(relative=1e-3)).equal
    assert not files("x.csv", b"a 1.0\n", b"b 1.0\n", Tolerance(relative=1e-3)).equal
    assert not files("x.csv", b"a\n", b"a\nb\n", Tolerance(relative=1e-3)).equal
    found = files("x.log", b"2026-01-01 10:00:00,123 go\n", b"2026-01-02 11:00:00,456 go\n")
    assert not found.equal and "dates and times" in found.detail


def event(time, step, tag, value):
    inner = b"\x0a" + bytes([len(tag)]) + tag + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + bytes([len(inner)]) + inner
    body = b"\x09" + struct.pack("<d", time) + b"\x10" + bytes([step]) + b"\x2a" + bytes([len(summary)]) + summary
    return struct.pack("<Q", len(body)) + b"CRC1" + body + b"CRC2"


def test_tensorboard_wall_time_does_not_count(files):
    name = "events.out.tfevents.1.h.2.0"
    one = event(1.0, 1, b"loss", 0.5) + event(2.0, 2, b"loss", 0.25)
    found = files(name, one, event(7.0, 1, b"loss", 0.5) + event(9.0, 2, b"loss", 0.25))
    assert (found.equal, found.how) == (True, "records")
    other = event(1.0, 1, b"loss", 0.5) + event(2.0, 2, b"loss", 0.2501)
    found = files(name, one, other)
    assert not found.equal and "step 2" in found.detail and "loss" in found.detail
    assert files(name, one, other, Tolerance(absolute=1e-2)).how == "tolerance"
    assert not files(name, one, other, Tolerance(absolute=1e-6)).equal
    assert not files(name, one, event(1.0, 1, b"loss", 0.5)).equal


def test_tensorboard_of_torch_itself(files, tmp_path):
    writer = pytest.importorskip("torch.utils.tensorboard").SummaryWriter

    def wrote(path):
        folder = tmp_path / path.parent.name / "tb"
        with writer(folder) as board:
            board.add_scalar("loss", 0.5, 1)
            board.add_histogram("w", np.arange(5.0), 1)
        os.replace(next(folder.iterdir()), path)

    assert files("events.out.tfevents.1.h.2.0", wrote, wrote).how in ("records", "bytes")


# safetensors and damaged files


def safetensors(tensors, order=None, metadata=None):
    header, data = {"__metadata__": metadata or {}}, b""
    for name in order or tensors:
        body = np.asarray(tensors[name], dtype=np.float32).tobytes()
        shape = [len(tensors[name])]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(body)]}
        data += body
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_safetensors(files):
    both = {"a": [1.0, 2.0], "b": [3.0]}
    assert files("m.safetensors", safetensors(both), safetensors(both, order=["b", "a"])).equal
    found = files("m.safetensors", safetensors(both), safetensors({"a": [1.0, 2.5], "b": [3.0]}))
    assert "a: float32[2]: 1 of 2" in found.detail and "0.5 absolute" in found.detail
    assert "b: only in the baseline" in files("m.safetensors", safetensors(both), safetensors({"a": [1.0, 2.0]})).detail
    assert not files("m.safetensors", safetensors(both), safetensors(both, metadata={"x": "y"})).equal


@pytest.mark.parametrize(
    "name", ["m.pt", "m.safetensors", "m.npy", "m.npz", "m.pkl", "m.gz", "m.zip", "m.png", "m.pdf"]
)
@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04rubbish", b"\x1f\x8brubbish", b"\x89PNG\r\n\x1a\nxx", b"\x80\x04\x95\xff"]
)
def test_damaged_files_are_compared_by_bytes(files, name, data):
    found = files(name, data, data + b"\xff")
    assert not found.equal
