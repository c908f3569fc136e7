"""Which messages make a moment: in lockstep by their stamps, in real time the newest. Needs no master."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_bench.ros.collector import PENDING, Collector, InOrder, Newest

STEP = 100
PAIRS = {"a": 2, "b": 2, "w": 1}


def feed(one, *events):
    """The moments that events ("a150": topic a, stamp 150) complete, with their stamps; messages are the events."""
    moments = []
    for event in events:
        moment = one.add(event[0], int(event[1:]), event)
        if moment is not None:
            moments.append((one.stamp, moment))
    return moments


# Lockstep.


def test_a_moment_of_single_messages_is_those_of_one_stamp():
    one = Collector({"a": 1, "b": 1}, STEP)
    assert feed(one, "a100", "b100") == [(100, {"a": ["a100"], "b": ["b100"]})]
    assert one.stamp == 100


def test_single_messages_keep_their_exact_stamp():
    # As those of a bag, or of another's world, whose stamps are no multiples of our step.
    one = Collector({"a": 1, "b": 1}, STEP)
    assert [stamp for stamp, _ in feed(one, "a137", "b137", "a161", "b161")] == [137, 161]
    assert feed(one, "a190", "b199") == []  # within one step, but not of one moment


def test_messages_within_a_step_belong_to_the_moment_that_ends_it():
    one = Collector(PAIRS, STEP)
    moments = feed(one, "a150", "b150", "a200", "b200", "w200", "a201", "a300", "b300", "b201", "w300")
    assert [stamp for stamp, _ in moments] == [200, 300]
    assert moments[0][1] == {"a": ["a150", "a200"], "b": ["b150", "b200"], "w": ["w200"]}
    assert {topic: sorted(those) for topic, those in moments[1][1].items()} == {
        "a": ["a201", "a300"], "b": ["b201", "b300"], "w": ["w300"],
    }  # fmt: skip


def test_a_lone_topic_with_several_messages_is_a_moment_too():
    one = Collector({"a": 3}, STEP)
    assert feed(one, "a134", "a167") == [] and one.stamp == -1
    assert feed(one, "a200") == [(200, {"a": ["a134", "a167", "a200"]})]


def test_messages_that_are_sent_again_count_once():
    one = Collector(PAIRS, STEP)
    assert feed(one, "a150", "a150", "a200", "b150", "a200", "w200", "w200") == []
    assert feed(one, "b200") == [(200, {"a": ["a150", "a200"], "b": ["b150", "b200"], "w": ["w200"]})]
    assert feed(one, "a150", "a200", "b150", "b200", "w200") == []  # it was complete, and is answered once


def test_a_message_that_came_only_when_it_was_sent_again_is_put_in_its_place():
    # As when one begins to listen between the two messages of a topic.
    one = Collector(PAIRS, STEP)
    assert feed(one, "a200", "b150", "b200", "w200") == []
    assert feed(one, "a150") == [(200, {"a": ["a150", "a200"], "b": ["b150", "b200"], "w": ["w200"]})]


def test_several_moments_may_be_on_their_way():
    one = Collector({"a": 2, "w": 1}, STEP)
    moments = feed(one, "a50", "a100", "a150", "a200", "a250", "a300", "w100", "w200", "w300")
    assert moments == [(n, {"a": [f"a{n - 50}", f"a{n}"], "w": [f"w{n}"]}) for n in (100, 200, 300)]


def test_an_incomplete_moment_is_forgotten_once_a_later_one_is_complete():
    one = Collector({"a": 2, "w": 1}, STEP)
    assert [stamp for stamp, _ in feed(one, "a50", "a100", "a150", "a200", "w200")] == [200]
    assert feed(one, "w100", "a50", "a100") == [] and one.stamp == 200
    assert len(feed(one, "a250", "a300", "w300")) == 1


@pytest.mark.parametrize(("waiting", "kept"), [(PENDING, True), (PENDING + 1, False)])
def test_the_oldest_of_too_many_incomplete_moments_is_given_up(waiting, kept):
    one = Collector({"a": 1, "w": 1}, STEP)
    assert feed(one, *(f"a{STEP * n}" for n in range(1, waiting + 1))) == []
    assert (feed(one, "w100") != []) == kept
    assert feed(one, "w200") == [(200, {"a": ["a200"], "w": ["w200"]})]


COUNTS = st.dictionaries(st.sampled_from("abw"), st.integers(1, 3), min_size=1)


def stamps(moment, count):
    """Of a topic's messages of one moment, the last at its end."""
    return [STEP * moment - 20 * (count - 1 - i) for i in range(count)]


@settings(deadline=None)
@given(COUNTS, st.integers(1, 8), st.booleans(), st.randoms(use_true_random=False))
def test_however_topics_interleave_every_moment_is_complete_once_and_in_order(counts, moments, again, random):
    # Each topic is in order, and may send a message twice; between them there is no order.
    waiting = {
        topic: [f"{topic}{stamp}" for n in range(1, moments + 1) for stamp in stamps(n, count)]
        for topic, count in counts.items()
    }
    if again:
        waiting = {t: [event for event in those for _ in range(random.choice((1, 2)))] for t, those in waiting.items()}
    events = []
    while any(waiting.values()):
        events.append(waiting[random.choice([topic for topic, those in waiting.items() if those])].pop(0))
    assert feed(Collector(counts, STEP), *events) == [
        (STEP * n, {topic: [f"{topic}{stamp}" for stamp in stamps(n, count)] for topic, count in counts.items()})
        for n in range(1, moments + 1)
    ]


# Real time.


def test_the_newest_of_every_topic_are_a_moment_whenever_one_comes():
    one = Newest({"a": 1, "b": 1})
    assert feed(one, "a1", "b2", "a3", "a4") == [
        (2, {"a": ["a1"], "b": ["b2"]}), (3, {"a": ["a3"], "b": ["b2"]}), (4, {"a": ["a4"], "b": ["b2"]}),
    ]  # fmt: skip


def test_with_a_pace_moments_come_with_its_messages_alone():
    one = Newest({"a": 1, "w": 1}, pace="w")
    assert feed(one, "a1", "a2", "w3", "a4", "w5", "w6") == [
        (3, {"a": ["a2"], "w": ["w3"]}), (5, {"a": ["a4"], "w": ["w5"]}), (6, {"a": ["a4"], "w": ["w6"]}),
    ]  # fmt: skip
    assert feed(Newest({"a": 1, "w": 1}, pace="w"), "w1", "a2") == []


def test_fresh_moments_have_something_new_of_every_topic():
    one = Newest({"a": 1, "w": 1}, pace="w", fresh=True)
    assert [stamp for stamp, _ in feed(one, "a1", "w2", "w3", "a4", "w5", "w6")] == [2, 5]
    assert one.stamp == 5
    assert [stamp for stamp, _ in feed(Newest({"a": 1, "b": 1}, fresh=True), "a1", "b2", "b3", "a4", "a5")] == [2, 4]


def test_fresh_moments_have_as_many_new_ones_of_a_topic_as_it_has_in_a_moment():
    one = Newest({"a": 2, "w": 1}, pace="w", fresh=True)
    # One of two was lost before 30: what is left makes no moment, and none with one of the next two.
    moments = feed(one, "a5", "a10", "w10", "a15", "a20", "w20", "a30", "w30", "a35", "a40", "w40")
    assert [(stamp, moment["a"]) for stamp, moment in moments] == [
        (10, ["a5", "a10"]), (20, ["a15", "a20"]), (40, ["a35", "a40"]),
    ]  # fmt: skip


def test_what_the_pace_overtook_completes_its_moment():
    one = Newest({"a": 2, "w": 1}, pace="w", fresh=True)
    moments = feed(one, "a5", "w10", "a10", "a15", "a20", "w20", "w30", "a25", "a30", "w40", "a35", "a40")
    assert moments == [
        (n, {"a": [f"a{n - 5}", f"a{n}"], "w": [f"w{n}"]}) for n in (10, 20, 30, 40)
    ]  # fmt: skip


def test_a_fresh_moment_that_is_sent_again_is_given_again_and_mixed_with_none():
    one = Newest({"a": 2, "w": 1}, pace="w", fresh=True)
    moments = feed(one, "a5", "a10", "w10", "a5", "a10", "w10", "w20", "a15", "a20")
    assert moments == [
        (n, {"a": [f"a{n - 5}", f"a{n}"], "w": [f"w{n}"]}) for n in (10, 10, 20)
    ]  # fmt: skip


def test_of_topics_with_several_messages_there_are_the_newest_so_many():
    one = Newest({"a": 2, "w": 1}, pace="w")
    assert feed(one, "a1", "w2") == []  # one of two
    assert feed(one, "a3", "w4", "a5", "a6", "a7", "w8") == [
        (4, {"a": ["a1", "a3"], "w": ["w4"]}), (8, {"a": ["a6", "a7"], "w": ["w8"]}),
    ]  # fmt: skip


def test_a_moment_that_was_given_does_not_change_with_what_comes():
    one = Newest({"a": 2, "w": 1}, pace="w")
    ((_, moment),) = feed(one, "a1", "a2", "w3")
    feed(one, "a4", "w5")
    assert moment == {"a": ["a1", "a2"], "w": ["w3"]}


@settings(deadline=None)
@given(COUNTS, st.lists(st.sampled_from("abw"), max_size=40), st.booleans(), st.booleans())
def test_moments_in_real_time_are_the_newest_and_by_their_rules(counts, order, fresh, paced):
    pace = min(counts) if paced else None
    one, came, last = Newest(counts, pace, fresh), {topic: [] for topic in counts}, None
    for stamp, topic in enumerate(order):
        if topic not in counts:
            continue
        came[topic].append(f"{topic}{stamp}")
        moment = one.add(topic, stamp, f"{topic}{stamp}")
        whole = all(len(came[name]) >= count for name, count in counts.items())
        new = last is None or all(len(came[name]) - last[name] >= count for name, count in counts.items())
        assert (moment is not None) == (whole and (pace in (None, topic)) and (new or not fresh))
        if moment is not None:
            assert moment == {name: came[name][-count:] for name, count in counts.items()} and one.stamp == stamp
            last = {name: len(those) for name, those in came.items()}


# Real time, for a judge.


def test_a_judge_who_is_behind_sees_every_moment_in_order():
    one = InOrder({"a": 2, "b": 1, "w": 1}, pace="w")
    # One topic's messages of three moments have come before the others are read.
    moments = feed(one, "w10", "w20", "w30", "b10", "b20", "b30", "a5", "a10", "a15", "a20", "a25", "a30")
    assert moments == [
        (n, {"a": [f"a{n - 5}", f"a{n}"], "b": [f"b{n}"], "w": [f"w{n}"]}) for n in (10, 20, 30)
    ]  # fmt: skip


def test_of_sensors_with_stamps_of_their_own_the_newest_before_the_pace_are_of_the_moment():
    one = InOrder({"a": 1, "w": 1}, pace="w")
    moments = feed(one, "a3", "a7", "w9", "a11", "w12", "a13", "a19", "w19", "w24", "a23")
    assert [(stamp, moment["a"]) for stamp, moment in moments] == [(9, ["a7"]), (12, ["a11"]), (19, ["a19"])]


def test_moments_that_are_known_at_once_come_one_by_one():
    one = InOrder({"a": 1, "w": 1}, pace="w")
    moments = feed(one, "a5", "a9", "w6", "w10", "a12", "a13")
    assert [(stamp, moment["a"]) for stamp, moment in moments] == [(6, ["a5"]), (10, ["a9"])]


def test_what_is_sent_again_is_no_moment_of_its_own_beside_what_it_repeats():
    one = InOrder({"a": 1, "w": 1}, pace="w")
    moments = feed(one, "w10", "w10", "a10", "a10", "w20", "a20")
    assert [stamp for stamp, _ in moments] == [10, 20]


def test_a_moment_that_lost_a_message_is_left_out_of_those_in_order():
    one = InOrder({"a": 2, "w": 1}, pace="w")
    moments = feed(one, "w10", "w20", "w30", "a5", "a15", "a20", "a25", "a30", "a35", "a40", "w40")
    assert [(stamp, moment["a"]) for stamp, moment in moments] == [
        (20, ["a15", "a20"]), (30, ["a25", "a30"]), (40, ["a35", "a40"]),
    ]  # fmt: skip


@settings(deadline=None)
@given(COUNTS, st.integers(1, 8), st.data(), st.randoms(use_true_random=False))
def test_however_topics_interleave_a_judge_sees_in_order_every_moment_that_lost_nothing(counts, moments, data, random):
    # Some are sent again, whole, and some messages are lost.
    pace = min(counts)
    counts[pace] = 1
    again = data.draw(st.sets(st.integers(1, moments)))
    order = [n for n in range(1, moments + 1) for _ in range(1 + (n in again))]
    sent = {topic: [f"{topic}{stamp}" for n in order for stamp in stamps(n, count)] for topic, count in counts.items()}
    lost = data.draw(st.sets(st.sampled_from([event for those in sent.values() for event in those])))
    exact = [
        (STEP * n, {topic: [f"{topic}{stamp}" for stamp in stamps(n, count)] for topic, count in counts.items()})
        for n in range(1, moments + 1)
    ]
    whole = [one for one in exact if not lost & {event for those in one[1].values() for event in those}]
    left = {topic: [event for event in those if event not in lost] for topic, those in sent.items()}
    events = []
    while any(left.values()):
        events.append(left[random.choice([topic for topic, those in left.items() if those])].pop(0))
    seen = feed(InOrder(counts, pace), *events)
    assert [stamp for stamp, _ in seen] == sorted(stamp for stamp, _ in seen)
    assert all(one in seen for one in whole)
    assert lost or all(one in exact for one in seen)
