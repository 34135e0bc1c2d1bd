"""Scheduling: items in order, workers for waiting items, items of dead workers."""

from dataclasses import dataclass

from modescape.engines.dealing import Dealer, Work


@dataclass(eq=False)
class Hand:
    """A worker that keeps the item it is given."""

    ready: bool = True
    work: Work | None = None

    @property
    def busy(self) -> bool:
        return self.work is not None

    def begin(self, work: Work) -> None:
        self.work = work


def test_idle_workers_get_items_in_order():
    dealer = Dealer.of(map(Work, "abc"))
    pool = [Hand(), Hand(ready=False), Hand(work=Work("z")), Hand()]
    dealer.deal(pool)
    assert [hand.work and hand.work.item for hand in pool] == ["a", None, "z", "b"]
    assert [work.item for work in dealer.waiting] == ["c"]
    dealer.deal(pool)
    assert len(dealer.waiting) == 1
    assert dealer.unfinished(pool)
    assert not Dealer.of([]).unfinished([Hand()])


def test_workers_are_started_for_what_waits_where_there_is_room():
    dealer = Dealer.of(map(Work, "abc"))
    assert dealer.missing([], room=2) == 2
    assert dealer.missing([], room=9) == 3
    assert dealer.missing([Hand(ready=False)], room=9) == 2  # one is starting already
    assert dealer.missing([Hand(), Hand()], room=1) == 0  # less room than before


def test_the_item_of_a_dead_worker_is_the_next_one_until_too_many_have_died_of_it():
    dealer, work = Dealer.of([Work("b")], attempts=3), Work("a")
    assert dealer.takes_back(work)
    assert [one.item for one in dealer.waiting] == ["a", "b"]
    assert dealer.waiting.popleft() is work
    assert dealer.takes_back(work)
    dealer.waiting.popleft()
    assert not dealer.takes_back(work)
    assert work.deaths == 3
    assert not Dealer.of([]).takes_back(Work("a"))  # by default one death is too many
