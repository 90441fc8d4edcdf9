"""First differences: strict while the candidate runs, joined between any two runs, over several ranks."""

import struct

import pytest

from reenact.record.trace import NOGRAD, RAW, Event, Kind
from reenact.replay.compare import MultiComparer, StreamComparer, Tolerance, first_difference, verdict


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def trace(steps=4, change=None, sampled=(0, 1), drop=None, add=None):
    """Events as a training loop gives them. `change` is (kind, step): from there on everything downstream differs."""
    order = [Kind.BATCH, Kind.OUT, Kind.LOSS, Kind.GRAD, Kind.PARAM]
    rows = [(Kind.SEED, 0, "torch.manual_seed", -1, 11), (Kind.INIT, 0, "model", -1, 12)]
    after = False
    for step in range(steps):
        for kind in order:
            # A changed batch alone does not stay: what it touches does.
            if change == (kind, step):
                after = True
            if kind in (Kind.GRAD, Kind.PARAM) and step not in sampled:
                continue
            value = 1000 * step + kind
            if after and not (kind == Kind.BATCH and change[1] != step) and not (kind == Kind.BATCH != change[0]):
                value += 1
            if kind == Kind.LOSS:
                rows.append((kind, RAW, "loss", step, bits(float(value))))
            else:
                rows.append((kind, 0, kind.name.lower(), step, value))
    if add:
        at = next(i for i, row in enumerate(rows) if (row[0], row[3]) == add[:2])
        rows.insert(at, (*rows[at][:2], add[2], rows[at][3], 5))
    rows = [row for row in rows if drop is None or (row[0], row[3]) != drop]
    return [
        Event(i, int(k), f, name, "float32", (2, 3), step, value) for i, (k, f, name, step, value) in enumerate(rows)
    ]


MODES = [pytest.param(True, id="strict"), pytest.param(False, id="joined")]


@pytest.mark.parametrize("same", MODES)
def test_equal_traces_have_no_difference(same):
    assert first_difference(trace(), trace(), same_schedule=same) is None


@pytest.mark.parametrize("same", MODES)
@pytest.mark.parametrize("step", [0, 2, 5])
@pytest.mark.parametrize("kind", [Kind.BATCH, Kind.OUT, Kind.LOSS])
def test_step_exact_for_kinds_that_are_always_there(same, kind, step):
    found = first_difference(trace(6), trace(6, change=(kind, step)), same_schedule=same)
    assert (found.kind, found.step, found.why) == (kind.name.lower(), step, "value")


@pytest.mark.parametrize("same", MODES)
@pytest.mark.parametrize("step", [0, 3, 5])
@pytest.mark.parametrize("kind", [Kind.GRAD, Kind.PARAM])
def test_step_exact_for_sampled_kinds_where_sampled(same, kind, step):
    sampled = (0, 3, 5)
    found = first_difference(
        trace(6, sampled=sampled), trace(6, change=(kind, step), sampled=sampled), same_schedule=same
    )
    assert (found.kind, found.step) == (kind.name.lower(), step)
    assert found.possibly == ()


@pytest.mark.parametrize("same", MODES)
@pytest.mark.parametrize("kind", [Kind.GRAD, Kind.PARAM])
def test_an_unsampled_grad_or_param_is_named_as_possible(same, kind):
    found = first_difference(trace(6), trace(6, change=(kind, 3)), same_schedule=same)
    assert (found.kind, found.step) == ("out", 4)
    assert found.possibly == (("grad", 3), ("param", 3))
    assert found.sampled_before == 1
    assert "step 3" in found.note and "since step 2" in found.note


def test_out_after_equal_params_is_really_out():
    found = first_difference(trace(6), trace(6, change=(Kind.OUT, 2)), same_schedule=True)
    assert (found.step, found.possibly) == (2, ())
    assert found.sampled_before == 1


def test_batch_is_simply_batch():
    found = first_difference(trace(6), trace(6, change=(Kind.BATCH, 4)), same_schedule=True)
    assert (found.kind, found.step, found.possibly) == ("batch", 4, ())


def test_joined_ignores_another_schedule():
    assert first_difference(trace(sampled=(0, 1)), trace(sampled=(0, 3))) is None
    assert first_difference(trace(sampled=(0, 1)), trace(sampled=(0, 3)), same_schedule=True) is None
    assert first_difference(trace(sampled=()), trace(sampled=(0, 1, 2, 3)), same_schedule=True) is None


@pytest.mark.parametrize("same", MODES)
def test_missing_and_extra_events(same):
    found = first_difference(trace(), trace(drop=(Kind.OUT, 2)), same_schedule=same)
    assert (found.kind, found.step, found.why, found.candidate_value) == ("out", 2, "missing", None)
    found = first_difference(trace(), trace(add=(Kind.BATCH, 2, "batch")), same_schedule=same)
    assert (found.kind, found.step) == ("batch", 2)
    found = first_difference(trace(drop=(Kind.OUT, 2)), trace(), same_schedule=same)
    assert (found.kind, found.step, found.why, found.baseline_value) == ("out", 2, "extra", None)


@pytest.mark.parametrize("same", MODES)
def test_another_name_is_told(same):
    other = [
        event._replace(name="decoder") if event.kind == Kind.OUT and event.step == 1 else event for event in trace()
    ]
    found = first_difference(trace(), other, same_schedule=same)
    assert (found.kind, found.step, found.why, found.name) == ("out", 1, "missing", "out")
    assert "decoder" in found.note


@pytest.mark.parametrize("same", MODES)
def test_another_shape(same):
    other = [
        event._replace(shape=(4, 3)) if (event.kind, event.step) == (Kind.BATCH, 3) else event for event in trace()
    ]
    found = first_difference(trace(), other, same_schedule=same)
    assert (found.kind, found.step, found.why) == ("batch", 3, "shape")
    assert "[2, 3]" in found.note and "[4, 3]" in found.note


@pytest.mark.parametrize("same", MODES)
def test_fewer_steps(same):
    found = first_difference(trace(6), trace(4), same_schedule=same)
    assert (found.kind, found.step, found.why) == ("batch", 4, "missing")
    assert "ended" in found.note
    found = first_difference(trace(4), trace(6), same_schedule=same)
    assert (found.kind, found.step, found.why) == ("batch", 4, "extra")


@pytest.mark.parametrize("same", MODES)
def test_a_killed_baseline_may_end_early(same):
    assert first_difference(trace(4), trace(6), same_schedule=same, baseline_complete=False) is None
    assert first_difference(trace(6), trace(4), same_schedule=same, candidate_complete=False) is None


@pytest.mark.parametrize("same", MODES)
def test_loss_is_compared_by_bits_unless_a_tolerance_is_given(same):
    def with_loss(value):
        return [event._replace(value=bits(value)) if event.kind == Kind.LOSS else event for event in trace()]

    found = first_difference(with_loss(0.0), with_loss(-0.0), same_schedule=same)
    assert found.kind == "loss" and found.raw and repr(found.candidate_value) == "-0.0"
    near = Tolerance(relative=1e-3)
    assert first_difference(with_loss(1.0), with_loss(1.0005), same_schedule=same, tolerance=near) is None
    found = first_difference(with_loss(1.0), with_loss(1.01), same_schedule=same, tolerance=near)
    assert (found.kind, found.step) == ("loss", 0)
    nan = float("nan")
    assert first_difference(with_loss(nan), with_loss(nan), same_schedule=same) is None
    assert first_difference(with_loss(nan), with_loss(1.0), same_schedule=same, tolerance=near) is not None


def test_a_tolerance_leaves_fingerprints_out_and_never_says_identical():
    other = trace(change=(Kind.GRAD, 1))
    other = [
        event._replace(value=mine.value) if event.kind == Kind.LOSS else event for event, mine in zip(other, trace())
    ]
    assert first_difference(trace(), other, same_schedule=True, tolerance=Tolerance()) is None
    found = first_difference(trace(6), trace(4), same_schedule=True, tolerance=Tolerance())
    assert found.why == "missing" and found.sampled_before is None
    assert verdict(None, True, Tolerance()) == "equivalent"
    assert verdict(None, True, None) == "identical"
    assert verdict(None, False, None) == "diverged"


def test_streaming_counts_equal_steps_and_stops():
    comparer = StreamComparer(iter(trace(6)))
    candidate = trace(6, change=(Kind.LOSS, 4))
    half = len(candidate) // 2
    assert comparer.feed_candidate(candidate[:half]) is None
    assert 0 < comparer.steps_equal < 4
    found = comparer.feed_candidate(candidate[half:])
    assert (found.kind, found.step) == ("loss", 4)
    assert comparer.steps_equal == 4
    assert comparer.feed_candidate(candidate[half:]) is found
    assert comparer.finish() is found


def test_streaming_from_a_generator_reads_it_to_the_end():
    comparer = StreamComparer(event for event in trace(6))
    for event in trace(6):
        assert comparer.feed_candidate([event]) is None
    assert comparer.finish() is None
    assert comparer.steps_equal == 6


def test_an_evaluation_after_training_is_no_training_step():
    last = Event(99, int(Kind.OUT), NOGRAD, "model", "float32", (2,), 4, 1)
    comparer = StreamComparer([*trace(4), last])
    comparer.feed_candidate([*trace(4), last])
    comparer.finish()
    assert comparer.steps_equal == 4


def test_joined_keeps_evaluations_apart_from_training():
    def evaluated(value):
        events = trace()
        at = next(i for i, event in enumerate(events) if (event.kind, event.step) == (Kind.OUT, 2))
        events.insert(at, Event(99, int(Kind.OUT), NOGRAD, "out", "float32", (2,), 2, value))
        return events

    found = first_difference(trace(), evaluated(7))
    assert (found.kind, found.step, found.why, found.evaluation) == ("out", 2, "extra", True)
    found = first_difference(evaluated(7), evaluated(8))
    assert found.evaluation and found.why == "value"


def test_ranks_earliest_step_wins_and_settles():
    ranks = {"rank0": trace(6), "rank1": trace(6)}
    comparer = MultiComparer(ranks)
    comparer.feed("rank0", trace(6, change=(Kind.OUT, 5)))
    assert comparer.difference.rank == 0 and not comparer.settled
    found = comparer.feed("rank1", trace(6, change=(Kind.OUT, 2)))
    assert (found.rank, found.process, found.step) == (1, "rank1", 2)
    assert comparer.settled and comparer.steps_equal == 2


def test_a_rank_that_never_wrote_is_missing():
    comparer = MultiComparer({"rank0": trace(), "rank1": trace()})
    comparer.feed("rank0", trace())
    assert comparer.difference is None
    found = comparer.finish()
    assert (found.process, found.why, found.kind) == ("rank1", "missing", "seed")


def test_to_dict_is_json_safe():
    found = first_difference(trace(), trace(change=(Kind.LOSS, 1)), same_schedule=True).to_dict()
    assert found["kind"] == "loss" and float(found["baseline_value"]) == 1006.0
    found = first_difference(trace(), trace(change=(Kind.OUT, 1)), same_schedule=True).to_dict()
    assert found["baseline_value"].startswith("0x")


def late_trace(change=0):
    """As the probe writes it: init after the first batch, the last param after an evaluation."""
    rows = [(Kind.RNG, 0, "torch", -1, 1), (Kind.BATCH, 0, "loader", 0, 2), (Kind.INIT, 0, "weight", -1, 3)]
    for step in range(3):
        rows += [(Kind.BATCH, 0, "loader", step, 2)] if step else []
        rows += [(Kind.OUT, 0, "out", step, 4 + step), (Kind.LOSS, RAW, "loss", step, bits(1.0 + step))]
    rows += [(Kind.OUT, NOGRAD, "out", 3, 9 + change), (Kind.PARAM, 0, "weight", 2, 8 + change)]
    return [Event(i, int(k), f, n, "float32", (2,), step, value) for i, (k, f, n, step, value) in enumerate(rows)]


@pytest.mark.parametrize("same", MODES)
def test_late_params_say_where_it_began(same):
    assert first_difference(late_trace(), late_trace(), same_schedule=same) is None
    found = first_difference(late_trace(), late_trace(1), same_schedule=same)
    assert (found.kind, found.step, found.possibly) == ("param", 2, (("grad", 2),))
    assert "out of step 3" in found.note
    only_out = [*late_trace(1)[:-1], late_trace()[-1]]
    found = first_difference(late_trace(), only_out, same_schedule=same)
    assert (found.kind, found.step, found.possibly, found.sampled_before) == ("out", 3, (), 2)
    only_param = [*late_trace()[:-1], late_trace(1)[-1]]
    found = first_difference(late_trace(), only_param, same_schedule=same)
    assert (found.kind, found.step) == ("param", 2)


def test_joined_puts_a_late_init_where_it_belongs():
    manual = [event for event in late_trace() if event.kind != Kind.BATCH]
    found = first_difference(late_trace(), manual)
    assert (found.kind, found.step, found.why) == ("batch", 0, "missing")


def test_joint_fingerprints_of_another_schedule_do_not_count():
    joint = Event(0, int(Kind.PARAM), 0, " (2 tensors)", None, None, 3, 77)
    events = trace(4, sampled=(0, 1, 3))
    assert first_difference([*events, joint], events) is None
    assert first_difference(events, [*events, joint]) is None
    found = first_difference([*events, joint], [*events, joint._replace(value=78)])
    assert (found.kind, found.step, found.dtype) == ("param", 3, None)


def with_generators(*states):
    """A trace of four steps with rng events of `random` at -1, 2 and 4."""
    events = trace()
    for step, state in zip((-1, 2, 4), states):
        at = next((i for i, event in enumerate(events) if event.step > step), len(events))
        events.insert(at, Event(0, int(Kind.RNG), 0, "random", None, None, step, state))
    return events


@pytest.mark.parametrize("same", MODES)
def test_a_generator_that_nobody_draws_from_is_no_difference(same):
    assert first_difference(with_generators(1, 1, 1), with_generators(2, 2, 2), same_schedule=same) is None
    assert first_difference(with_generators(1), with_generators(2), same_schedule=same) is None


@pytest.mark.parametrize("same", MODES)
def test_a_generator_that_was_drawn_from_differs_from_its_start(same):
    found = first_difference(with_generators(1, 3, 3), with_generators(2, 4, 4), same_schedule=same)
    assert (found.kind, found.name, found.step) == ("rng", "random", -1)
    assert found.generators == (("random", True),)


@pytest.mark.parametrize("same", MODES)
def test_a_generator_that_stops_being_equal_differs_there(same):
    found = first_difference(with_generators(1, 3, 3), with_generators(1, 4, 4), same_schedule=same)
    assert (found.kind, found.step) == ("rng", 2)
    assert first_difference(with_generators(1, 3, 3), with_generators(2, 3, 3), same_schedule=same) is None


@pytest.mark.parametrize("same", MODES)
@pytest.mark.parametrize(("later", "drawn"), [((1, 1), False), ((1, 7), True), ((), None)])
def test_a_difference_tells_which_generators_were_drawn_from(same, later, drawn):
    other = with_generators(2, *(state + 1 for state in later))
    other = [event._replace(value=0) if (event.kind, event.step) == (Kind.BATCH, 1) else event for event in other]
    found = first_difference(with_generators(1, *later), other, same_schedule=same)
    assert (found.kind, found.step, found.generators) == ("batch", 1, (("random", drawn),))
