import os
import stat

from grader.sandbox.scratch import remove


def test_a_folder_is_removed_however_deep_it_is(tmp_path):
    folder = tmp_path / "worker-1"
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(2000):  # deeper than Python recurses, and than a path may be long
        os.mkdir("deep", dir_fd=here)
        inner = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    (folder / "file").write_text("x")
    remove(folder)
    assert list(tmp_path.iterdir()) == []


def test_what_a_worker_has_locked_is_removed_and_what_it_points_to_stays(tmp_path):
    folder, kept = tmp_path / "worker-1", tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    (folder / "locked" / "inner").mkdir(parents=True)
    (folder / "link").symlink_to(kept)
    (folder / "locked" / "file").write_text("x")
    os.mkfifo(folder / "pipe")
    for locked in (folder / "locked" / "file", folder / "locked" / "inner", folder / "locked", folder):
        locked.chmod(0)
    remove(folder)
    assert list(tmp_path.iterdir()) == [kept]
    assert (kept / "file").read_text() == "x"
    assert stat.S_IMODE(kept.stat().st_mode) != 0o700
