"""A Ray cluster of two nodes on this machine: what a node that dies was doing is done again by the other."""

import threading
import time
from pathlib import Path

import engine_tasks as tasks
import pytest
from stand_ins import no_figures

from modescape import pipeline
from modescape.engines import make_engine
from modescape.errors import InputError

pytestmark = pytest.mark.long  # a cluster takes seconds to start, and the package is an extra
SMALL = ["train.members=4", "train.epochs=12", "train.trajectories=4", "data.test=100", "analyses=[ensemble_size]"]


@pytest.fixture
def cluster():
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [made.add_node(num_cpus=1) for _ in range(2)]
    made.wait_for_nodes()
    yield made, nodes
    made.shutdown()


def test_an_item_of_a_node_that_dies_is_worked_on_again(cluster, tmp_path):
    made, nodes = cluster
    places = {}

    def listen(item, node):
        places.setdefault(item, []).append(node)
        if len(places.get(0, [])) == 2:  # begun again
            (tmp_path / "gate-0").touch()
        elif len(places) == 2:  # both are at work
            dead = next(one for one in nodes if one.node_id == places[0][0])
            made.remove_node(dead, allow_graceful=False)
            (tmp_path / "gate-1").touch()

    with make_engine("ray", "cpu", workers=2, address=made.address) as engine:
        waiting = [(0, str(tmp_path)), (1, str(tmp_path))]
        outcomes = {
            outcome.item[0]: outcome
            for outcome in engine.map(tasks.at_the_gate, waiting, on_event=lambda item, event: listen(item[0], event))
        }
    assert [outcomes[item].error for item in (0, 1)] == [None, None]
    assert [outcomes[item].value for item in (0, 1)] == [0, 10]
    assert len(places[0]) == 2
    assert places[0][0] != places[0][1] == places[1][0]


def test_a_study_that_loses_a_node_while_it_trains_has_the_bytes_of_an_undisturbed_one(cluster, tmp_path):
    made, nodes = cluster
    lost = threading.Event()

    def lose(study: Path) -> None:
        deadline = time.monotonic() + 120
        while not list(study.glob("members/*/epoch-002*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        made.remove_node(nodes[0], allow_graceful=False)
        lost.set()

    with no_figures():
        plain = pipeline.run("digits", tmp_path / "plain", overrides=[*SMALL, "compute.engine=here"])
        threading.Thread(target=lose, args=(tmp_path / "far",), daemon=True).start()
        far = [*SMALL, "compute.engine=ray", f"compute.address={made.address}", "compute.workers=2"]
        study = pipeline.run("digits", tmp_path / "far", overrides=far)
    assert lost.is_set()
    checkpoints = sorted(path.relative_to(plain.path) for path in plain.path.glob("members/*/epoch-*.safetensors"))
    assert len(checkpoints) == 4 * 13
    for path in [*checkpoints, Path("results/ensemble_size.nc")]:
        assert (study.path / path).read_bytes() == (plain.path / path).read_bytes(), path


def test_a_cluster_that_is_not_there_is_said():
    pytest.importorskip("ray")
    with make_engine("ray", "cpu", address="127.0.0.1:9") as engine, pytest.raises(InputError, match=r"127\.0\.0\.1:9"):
        list(engine.map(tasks.square, [1]))


def test_an_address_is_of_a_cluster_alone():
    words = r"compute\.address is 'far:1', and the engine 'here' works on this machine; choose --engine ray"
    with pytest.raises(InputError, match=words):
        make_engine("here", "cpu", address="far:1")
