"""Recent: bounded by count and by weight, the least recently used goes first."""

from sptrader.model.recent import Recent


def test_the_least_recently_asked_for_is_forgotten_first():
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1  # now b is the oldest

    recent.put("c", 3)

    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (1, None, 3)


def test_the_weight_of_all_stays_within_its_bound():
    recent: Recent[str, int] = Recent(10, most_bytes=100)
    recent.put("a", 1, n_bytes=60)
    recent.put("b", 2, n_bytes=40)
    recent.put("c", 3, n_bytes=1)  # 101: a goes

    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (None, 2, 3)


def test_a_value_that_is_put_again_is_weighed_once():
    recent: Recent[str, int] = Recent(10, most_bytes=100)
    recent.put("a", 1, n_bytes=60)
    recent.put("a", 2, n_bytes=60)
    recent.put("b", 3, n_bytes=40)

    assert (recent.get("a"), recent.get("b"), len(recent)) == (2, 3, 2)


def test_what_is_heavier_than_the_bound_is_not_kept_and_drives_nothing_out():
    recent: Recent[str, int] = Recent(10, most_bytes=100)
    recent.put("a", 1, n_bytes=60)
    recent.put("giant", 2, n_bytes=101)

    assert (recent.get("a"), recent.get("giant")) == (1, None)
