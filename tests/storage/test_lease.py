"""One writer at a time in an object store, and what happens to a writer that lost its lease."""

import json
import time

import pytest

from modescape import durable
from modescape.errors import InputError
from modescape.storage import lease, place
from modescape.storage.lease import LeaseLost

OTHER = {"holder": "process 7 on elsewhere", "since": "2026-11-01 10:00:00", "token": "theirs"}


def written_by_another(folder, seconds):
    """Overwrite our lease with another writer's that expires in ``seconds``."""
    data = json.dumps({**OTHER, "expires": time.time() + seconds}).encode()
    lease.store.publish(f"{folder}/.lock", data, lambda: None)


def test_a_second_writer_is_told_who_writes_and_until_when():
    folder = "memory://leases/second"
    with lease.held(folder):
        with pytest.raises(InputError, match=r"in use by process \d+ on .*whose lease lasts until 20.* UTC; wait"):
            lease.held(folder).__enter__()
        assert json.loads(place(f"{folder}/.lock").read_bytes())["token"] == lease.token(folder)
    assert (lease.token(folder), place(f"{folder}/.lock").read_bytes()) == ("", b"")
    with lease.held(folder):
        pass


def test_an_expired_lease_is_taken_over_and_said(capsys):
    folder = "memory://leases/expired"
    written_by_another(folder, 5)
    with pytest.raises(InputError, match="process 7 on elsewhere"), lease.held(folder):
        pass
    written_by_another(folder, -1)
    with lease.held(folder):
        durable.write_bytes(place(folder) / "a", b"1")
    assert "taken over from process 7 on elsewhere" in capsys.readouterr().err


def test_a_lease_is_renewed_and_who_lost_it_writes_nothing_more(monkeypatch):
    monkeypatch.setenv(lease.SECONDS_VARIABLE, "1")
    folder = place("memory://leases/lost")
    with lease.held(str(folder)):
        time.sleep(1.2)  # longer than the lease lasts
        durable.write_bytes(folder / "a", b"1")
        written_by_another(folder, 60)
        time.sleep(0.8)
        for change in (lambda: durable.write_bytes(folder / "a", b"2"), (folder / "a").unlink, folder.remove_tree):
            with pytest.raises(LeaseLost, match="lost to process 7 on elsewhere"):
                change()
        durable.write_bytes(place("memory://leases/another") / "a", b"2")  # outside the leased folder
    assert (folder / "a").read_bytes() == b"1"
    assert json.loads((folder / ".lock").read_bytes())["token"] == "theirs"  # their lease is not released


def test_a_worker_writes_while_the_lease_is_the_one_it_was_sent_under():
    folder = place("memory://leases/worker")
    written_by_another(folder, 60)
    lease.adopt(str(folder), "theirs")
    durable.write_bytes(folder / "variants/a/b", b"1")
    lease.adopt(str(folder), "of one that lost it")
    with pytest.raises(LeaseLost, match="lost to process 7"):
        durable.write_bytes(folder / "variants/a/b", b"2")
    assert (folder / "variants/a/b").read_bytes() == b"1"


@pytest.mark.parametrize("text", ["soon", "0", "-3"])
def test_seconds_that_are_none_are_refused(monkeypatch, text):
    monkeypatch.setenv(lease.SECONDS_VARIABLE, text)
    with pytest.raises(InputError, match="expected seconds"):
        lease.seconds()
