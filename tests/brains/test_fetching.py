import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from reprcompare.brains import catalogue, entry, fetching, load_brain, loading
from reprcompare.brains.catalogue import RemoteFile
from reprcompare.brains.fetching import fetch, fetch_files
from reprcompare.errors import DownloadError, InvalidInputError, UnknownNameError

CONTENT = b"the published bytes" * 1000


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder; paths below /truncated/ stop half-way."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        if not self.path.startswith("/truncated/"):
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // 2])
        return None


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server of a folder; yields its address and the folder."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    running = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}", folder
    running.shutdown()
    running.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRCOMPARE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("REPRCOMPARE_DATA_DIR", raising=False)
    return tmp_path / "cache"


def data_set(url, content=CONTENT):
    file = RemoteFile(
        name="rdms.mat",
        url=f"{url}/rdms.mat",
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
    )
    return entry("kriegeskorte2008").model_copy(update={"name": "small", "files": [file]})


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_missing_file_is_downloaded_once_into_the_cache(server, cache):
    url, folder = server
    (folder / "rdms.mat").write_bytes(CONTENT)
    path = fetch_files(data_set(url))["rdms.mat"]
    assert path.read_bytes() == CONTENT
    assert path == cache / "data" / "small" / "rdms.mat"
    (folder / "rdms.mat").unlink()  # a second call does not ask the server again
    assert fetch_files(data_set(url))["rdms.mat"] == path


@pytest.mark.parametrize("place", ["", "small"])
@pytest.mark.parametrize("named_by", ["argument", "environment"])
def test_a_local_folder_comes_first(place, named_by, cache, tmp_path, monkeypatch):
    local = tmp_path / "local" / place
    local.mkdir(parents=True)
    (local / "rdms.mat").write_bytes(CONTENT)
    argument = None
    if named_by == "argument":
        argument = tmp_path / "local"
    else:
        monkeypatch.setenv("REPRCOMPARE_DATA_DIR", str(tmp_path / "local"))
    found = fetch_files(data_set("http://127.0.0.1:9"), argument)
    assert found == {"rdms.mat": local / "rdms.mat"}


def test_a_damaged_download_is_refused_and_nothing_is_kept(server, cache):
    url, folder = server
    (folder / "rdms.mat").write_bytes(CONTENT[:-1] + b"X")
    with pytest.raises(DownloadError, match="not the published file.*REPRCOMPARE_DATA_DIR"):
        fetch_files(data_set(url))
    assert files_below(cache) == []


def test_a_truncated_download_is_refused_and_nothing_is_kept(server, cache):
    url, _ = server
    with pytest.raises(DownloadError, match="the connection failed"):
        fetch_files(data_set(f"{url}/truncated"))
    assert files_below(cache) == []


def test_a_missing_page_is_said_with_the_servers_answer(server, cache):
    with pytest.raises(DownloadError, match="the server answered 404"):
        fetch_files(data_set(server[0]))
    assert files_below(cache) == []


def test_a_server_that_is_down_gets_a_sentence(cache, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(DownloadError, match="could not be downloaded: the connection failed"):
        fetch_files(data_set("http://127.0.0.1:9"))
    assert files_below(cache) == []


def test_a_damaged_file_of_the_cache_is_fetched_again(server, cache):
    url, folder = server
    (folder / "rdms.mat").write_bytes(CONTENT)
    path = fetch_files(data_set(url))["rdms.mat"]
    path.write_bytes(b"damaged")
    assert fetch_files(data_set(url))["rdms.mat"].read_bytes() == CONTENT


def test_a_damaged_local_file_is_named_and_left_alone(cache, tmp_path):
    local = tmp_path / "rdms.mat"
    local.write_bytes(CONTENT[:100])
    with pytest.raises(DownloadError, match=r"rdms.mat \(100 bytes\) is not the published file"):
        fetch_files(data_set("http://127.0.0.1:9"), tmp_path)
    assert local.read_bytes() == CONTENT[:100]


def test_a_data_folder_that_is_none_is_refused(tmp_path, monkeypatch):
    with pytest.raises(InvalidInputError, match="data_dir is .*no folder"):
        fetch("kriegeskorte2008", tmp_path / "nowhere")
    monkeypatch.setenv("REPRCOMPARE_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(InvalidInputError, match="REPRCOMPARE_DATA_DIR is .*no folder"):
        fetch("kriegeskorte2008")


def test_an_entry_without_files_says_where_to_get_them():
    pointer = data_set("http://127.0.0.1:9").model_copy(update={"files": []})
    with pytest.raises(DownloadError, match="follow https://"):
        fetch_files(pointer)


def test_the_real_data_set_is_downloaded_and_read(server, cache, data_dir, monkeypatch):
    url, folder = server
    local = fetch("kriegeskorte2008", data_dir)
    known = entry("kriegeskorte2008")
    for name, path in local.items():
        (folder / name).write_bytes(path.read_bytes())
    moved = [f.model_copy(update={"url": f"{url}/{f.name}"}) for f in known.files]
    elsewhere = known.model_copy(update={"files": moved})
    monkeypatch.setattr(fetching, "entry", lambda _: elsewhere)
    rdms = load_brain("kriegeskorte2008")
    assert rdms.n_rdm == 9
    assert {path.name for path in files_below(cache)} == set(local)


def test_neither_a_name_nor_a_file_gets_the_nearest_name(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'kriegeskorte2008'"):
        load_brain("kriegeskorte208")
    with pytest.raises(UnknownNameError, match="no part 'behavior'.*did you mean 'behaviour'"):
        load_brain("kriegeskorte2008/behavior")
    with pytest.raises(UnknownNameError, match="no public stimulus set"):
        loading.load_stimuli("nothing")
    assert "nothing" not in set(catalogue()["name"])
