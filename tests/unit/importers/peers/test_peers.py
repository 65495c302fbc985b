import os
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from pennon.importers import peers
from pennon.importers.peers import Outcome, Peer, PeerFailed, PeerNotInstalled, PeerUnknown, Pin, installs

WELL = """
import json, sys
import shopflags
greeting = json.loads(sys.stdin.readline())
print(json.dumps({"sdk": "shopflags", "version": shopflags.VERSION}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    outcomes = [
        {"value": context.get("targetingKey"), "variation": place, "default": False, "error": None}
        for place, context in enumerate(asked["contexts"])
    ]
    print(json.dumps({"outcomes": outcomes}), flush=True)
"""
GREETED = 'import sys; sys.stdin.readline(); print(\'{"sdk": "shopflags", "version": "1.0"}\', flush=True)\n'
ASKED = GREETED + "sys.stdin.readline()\n"


def peer(tmp_path: Path, script: str) -> Peer:
    file = tmp_path / "script.py"
    file.write_text(script)
    return Peer([sys.executable, "-I", str(file)], "shop")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a package that can be installed without a network."""
    file = tmp_path_factory.mktemp("wheel") / "shopflags-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("shopflags.py", "VERSION = '1.0'\n")
        archive.writestr("shopflags-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: shopflags\nVersion: 1.0\n")
        wheel_file = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr("shopflags-1.0.dist-info/WHEEL", wheel_file)
        archive.writestr("shopflags-1.0.dist-info/RECORD", "")
    return file


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """Return a cache that has the package."""
    folder = tmp_path_factory.mktemp("cache")
    installs.install(Pin("python", (str(wheel),)), folder)
    return folder


@pytest.fixture
def shop(wheel: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Make `shop` a vendor whose SDK is that package; returns its script."""
    pin = Pin("python", (str(wheel),))
    script = tmp_path / "peers" / "shop.py"
    script.parent.mkdir()
    script.write_text(WELL)
    monkeypatch.setattr(peers, "PINS", {("shop", "python"): pin})
    monkeypatch.setattr(peers, "__file__", str(script.with_name("__init__.py")))
    return script


def test_sdk_is_asked_and_ended(shop: Path, cache: Path) -> None:
    with peers.start("shop", "python", "{}", cache=cache) as started:
        assert (started.sdk, started.version) == ("shopflags", "1.0")
        assert started.evaluate("new", [{"targetingKey": "ü\ud800"}, {}]) == [Outcome("ü\ud800", 0), Outcome(None, 1)]
        process = started._process
    assert process.returncode == 0
    with pytest.raises(PeerFailed):
        started.evaluate("new", [{}])


def test_second_start_installs_nothing(shop: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installs, "_install_python", None)
    peers.start("shop", "python", "{}", cache=cache).close()
    assert [folder.name for folder in cache.iterdir()] == [peers.PINS["shop", "python"].folder]


def test_two_installations_at_once_both_succeed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2)

    def install(_: Pin, draft: Path) -> None:
        (draft / "package").touch()
        both.wait(60)

    monkeypatch.setattr(installs, "_install_python", install)
    found: list[Path] = []
    pin = Pin("python", ("shopflags==1.0",))
    threads = [threading.Thread(target=lambda: found.append(installs.install(pin, tmp_path / "c"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [tmp_path / "c" / pin.folder] * 2
    assert [folder.name for folder in (tmp_path / "c").iterdir()] == [pin.folder]
    assert (found[0] / "package").exists()


def test_what_a_killed_installation_left_is_swept_and_never_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installs, "_install_python", lambda _, draft: (draft / "package").touch())
    old, young = tmp_path / "cache" / ".new-old", tmp_path / "cache" / ".new-young"
    old.mkdir(parents=True)
    young.mkdir()
    os.utime(old, (0, 0))
    folder = installs.install(Pin("python", ("shopflags==1.0",)), tmp_path / "cache")
    assert [file.name for file in folder.iterdir()] == ["package"]
    assert not old.exists()
    assert young.exists()  # somebody may be at it


def test_packages_of_npm_are_asked_for_without_what_runs_on_installing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(installs, "_run", lambda line, *_: ran.append(line))
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    pin = Pin("node", ("shopflags@1.0.0",))
    folder = installs.install(pin, tmp_path / "cache")
    ((npm, *arguments),) = ran
    assert npm == "/usr/bin/npm"
    assert {"--ignore-scripts", "--save-exact", "shopflags@1.0.0"} <= set(arguments)
    script = tmp_path / "shop.mjs"
    script.write_text("// asks")
    for _ in range(2):
        (node, copy) = installs.command(pin, folder, script)
        assert node == "/usr/bin/node"
        assert Path(copy).parent == folder  # beside its packages, where Node looks for them
        assert Path(copy).read_text() == "// asks"


def test_package_that_cannot_be_had_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"  # stands for one whose pip finds nothing
    python.write_text("#!/bin/sh\necho 'no matching distribution' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(installs, "_python_of", lambda _: python)
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(PeerNotInstalled, match=r"gone==1.0 cannot be installed: no matching distribution") as raised:
        installs.install(Pin("python", ("gone==1.0",)), tmp_path / "cache")
    assert "PyPI must be reachable" in raised.value.mend
    assert list((tmp_path / "cache").iterdir()) == []


def test_absent_node_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PeerNotInstalled, match="there is no node"):
        installs.install(Pin("node", ("unleash-client@6.12.1",)), tmp_path / "cache")


def test_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PeerNotInstalled, match=r"file.* cannot be written"):
        installs.install(Pin("python", ("any==1",)), tmp_path / "file" / "cache")


def test_dialect_without_an_sdk_says_which_have_one() -> None:
    with pytest.raises(PeerUnknown, match=r"launchdarkly's dialect 'go' .*node, python"):
        peers.pin_of("launchdarkly", "go")


def test_vendor_without_a_script_is_unknown(shop: Path, cache: Path) -> None:
    shop.unlink()
    with pytest.raises(PeerUnknown, match="no script asks shop's SDK"):
        peers.start("shop", "python", "{}", cache=cache)


def test_sdk_that_fails_at_the_start_is_reaped(shop: Path, cache: Path) -> None:
    shop.write_text('print(\'{"failed": "no such flag file"}\', flush=True)')
    with pytest.raises(PeerFailed, match="shop's SDK failed: no such flag file"):
        peers.start("shop", "python", "{}", cache=cache)


def test_crash_is_told_with_the_end_of_its_complaint(tmp_path: Path) -> None:
    crashing = ASKED + "raise SystemExit('x' * 5000 + 'out of cheese')"
    with peer(tmp_path, crashing) as asked:
        asked.greet({})
        with pytest.raises(PeerFailed, match=r"shopflags 1.0 ended with status 1; it said: x*out of cheese") as raised:
            asked.evaluate("new", [{}])
    assert len(str(raised.value)) < 2200


def test_answer_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    with peer(tmp_path, ASKED + "import time; time.sleep(600)") as asked:
        asked.greet({})
        with pytest.raises(PeerFailed, match=r"did not answer within 0.2 s"):
            asked.evaluate("new", [{}], timeout_s=0.2)
    assert asked._process.returncode is not None


def test_script_that_does_not_read_is_not_waited_for(tmp_path: Path) -> None:
    with peer(tmp_path, GREETED + "import time; time.sleep(600)") as asked:
        asked.greet({})
        with pytest.raises(PeerFailed, match=r"did not answer within 0.2 s"):
            asked.evaluate("new", [{"name": "x" * 1_000_000}], timeout_s=0.2)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("no JSON", "which is no JSON object"),
        ("[]", "which is no JSON object"),
        ("{}", "not outcomes"),
        ('{"outcomes": [1]}', "not outcomes"),
        ('{"outcomes": []}', "answered 0 of 1 contexts"),
        ('{"failed": "unknown flag"}', "failed: unknown flag"),
    ],
    ids=["words", "list", "empty", "number", "short", "failed"],
)
def test_answer_that_is_none_is_shown(tmp_path: Path, answer: str, says: str) -> None:
    with peer(tmp_path, ASKED + f"print({answer!r}, flush=True)") as asked:
        asked.greet({})
        with pytest.raises(PeerFailed, match=says):
            asked.evaluate("new", [{}])


def test_greeting_without_a_name_is_shown(tmp_path: Path) -> None:
    with (
        peer(tmp_path, 'import sys; sys.stdin.readline(); print("{}", flush=True)') as asked,
        pytest.raises(PeerFailed, match="not its name and version"),
    ):
        asked.greet({})


def test_program_that_cannot_be_started_is_said(tmp_path: Path) -> None:
    with pytest.raises(PeerNotInstalled, match="shop's SDK cannot be started"):
        Peer([str(tmp_path / "no-python"), "x.py"], "shop")


def test_cache_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/ada")
    assert installs.cache_folder({"PENNON_CACHE": "/c", "XDG_CACHE_HOME": "/x"}) == Path("/c/peers")
    assert installs.cache_folder({"XDG_CACHE_HOME": "/x"}) == Path("/x/pennon/peers")
    assert installs.cache_folder({}) == Path("/ada/.cache/pennon/peers")


def test_a_pin_is_exact() -> None:
    for pin in peers.PINS.values():
        for package in pin.packages:
            name, _, version = package.rpartition("==" if pin.runtime == "python" else "@")
            assert name
            assert version[0].isdigit(), package
