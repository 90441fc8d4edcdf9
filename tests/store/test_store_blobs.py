from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
import time
from pathlib import Path

import pytest

from reenact.errors import ReenactError
from reenact.record.canonical import digest_bytes
from reenact.store.blobs import BlobStore
from reenact.store.filehash import FileHasher
from reenact.store.project import Store


def test_put_and_read(store: Store, tmp_path: Path) -> None:
    blobs = store.blobs
    digest = blobs.put_bytes(b"content")
    assert digest == digest_bytes(b"content") and blobs.has(digest) and blobs.read(digest) == b"content"
    assert stat.S_IMODE(blobs.path(digest).stat().st_mode) == 0o444
    path = tmp_path / "a file"
    path.write_bytes(b"x" * 3_000_000)
    assert blobs.put_file(path) == (digest_bytes(path.read_bytes()), 3_000_000)
    assert set(blobs.digests()) == {digest, digest_bytes(path.read_bytes())}
    assert blobs.size(digest) == 7
    assert os.listdir(store.tmp_folder) == []


def test_a_blob_that_is_there_is_not_written_again(store: Store, tmp_path: Path) -> None:
    digest = store.blobs.put_bytes(b"content")
    inode = store.blobs.path(digest).stat().st_ino
    os.utime(store.blobs.path(digest), (0, 0))
    path = tmp_path / "same"
    path.write_bytes(b"content")
    assert store.blobs.put_file(path)[0] == store.blobs.put_bytes(b"content") == digest
    info = store.blobs.path(digest).stat()
    assert info.st_ino == inode and info.st_mtime > 0  # gc sees that it is wanted


def test_corrupt_and_missing_blobs_are_named(store: Store) -> None:
    digest = store.blobs.put_bytes(b"content")
    store.blobs.verify(digest)
    path = store.blobs.path(digest)
    path.chmod(0o644)
    path.write_bytes(b"Content")
    with pytest.raises(ReenactError) as caught:
        store.blobs.verify(digest)
    assert caught.value.slug == "corrupt-blob" and digest in caught.value.what
    store.blobs.delete(digest)
    store.blobs.delete(digest)
    with pytest.raises(ReenactError) as caught:
        store.blobs.verify(digest)
    assert caught.value.slug == "missing-blob" and caught.value.exit_code == 3
    for bad in ("", "sha256:../../etc/passwd", "md5:" + "0" * 32, "sha256:" + "A" * 64):
        with pytest.raises(ReenactError):
            store.blobs.path(bad)


def _put_many(folder: str, number: int) -> None:
    blobs = BlobStore(folder)
    for i in range(30):
        blobs.put_bytes(b"shared %d" % i)
        blobs.put_bytes(b"own %d %d" % (number, i))


def test_two_processes_put_at_once(store: Store) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_put_many, args=(str(store.folder), number)) for number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    digests = list(store.blobs.digests())
    assert len(digests) == 90
    for digest in digests:
        store.blobs.verify(digest)
    assert os.listdir(store.tmp_folder) == []


def test_delete_older_heeds_a_put(store: Store) -> None:
    digest = store.blobs.put_bytes(b"content")
    now = time.time_ns()
    os.utime(store.blobs.path(digest), ns=(0, 10))
    store.blobs.put_bytes(b"content")
    assert not store.blobs.delete_older(digest, now - 10**9) and store.blobs.has(digest)
    os.utime(store.blobs.path(digest), ns=(0, 10))
    assert store.blobs.delete_older(digest, now) and not store.blobs.has(digest)
    assert not store.blobs.delete_older(digest, now)


def test_no_space(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big"
    path.write_bytes(b"x" * 100)

    def full(fd: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    for put in (lambda: store.blobs.put_bytes(b"new"), lambda: store.blobs.put_file(path)):
        with pytest.raises(ReenactError) as caught:
            put()
        assert caught.value.slug == "no-space"
    assert list(store.blobs.digests()) == [] and os.listdir(store.tmp_folder) == []


def _old_file(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    os.utime(path, (1_000_000, 1_000_000))


def test_hashes_are_remembered(tmp_path: Path) -> None:
    path = tmp_path / "data"
    _old_file(path, b"one")
    hasher = FileHasher(tmp_path / "cache" / "hashes.sqlite")
    found = hasher.hash(path)
    assert found == (digest_bytes(b"one"), 3, path.stat().st_ino, 10**15)
    hasher.close()
    # Same path, inode, size and time: the cache is believed. This is what makes it quick, and shows that it is used.
    with open(path, "r+b") as file:
        file.write(b"two")
    os.utime(path, (1_000_000, 1_000_000))
    assert FileHasher(tmp_path / "cache" / "hashes.sqlite").hash(path).digest == digest_bytes(b"one")
    os.utime(path, (1_000_001, 1_000_001))
    assert FileHasher(tmp_path / "cache" / "hashes.sqlite").hash(path).digest == digest_bytes(b"two")


def test_a_file_of_just_now_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"one")
    hasher = FileHasher(tmp_path / "hashes.sqlite")
    hasher.hash(path)
    before = path.stat().st_mtime_ns
    path.write_bytes(b"two")
    os.utime(path, ns=(before, before))
    assert hasher.hash(path).digest == digest_bytes(b"two")


def test_hashing_works_without_a_cache(tmp_path: Path) -> None:
    path = tmp_path / "data"
    _old_file(path, b"one")
    (tmp_path / "file").write_text("")
    assert FileHasher(tmp_path / "file" / "hashes.sqlite").hash(path).digest == digest_bytes(b"one")
    corrupt = tmp_path / "corrupt.sqlite"
    corrupt.write_bytes(b"not a database " * 100)
    assert FileHasher(corrupt).hash(path).digest == digest_bytes(b"one")
    assert sqlite3.connect(corrupt).execute("select count(*) from hashes").fetchone() == (1,)
    locked = tmp_path / "locked.sqlite"
    FileHasher(locked).hash(path)
    holder = sqlite3.connect(locked, isolation_level=None)
    holder.execute("begin exclusive")
    assert FileHasher(locked).hash(path).digest == digest_bytes(b"one")
    holder.execute("rollback")
