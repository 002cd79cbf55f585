"""Tolerances, statistics, curve, roofline and results, on made-up numbers."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from grader.throughput import roofline
from grader.throughput.attention import Attention
from grader.throughput.conv2d import Conv2d
from grader.throughput.curve import CAP, FAVOUR, Curve, overall
from grader.throughput.errors import Refused
from grader.throughput.measure import refuse_impossible, refuse_operations, slowed
from grader.throughput.memory import IMPORTS, OWN, TENSORS, imported, refuse_large, refuse_memory, room
from grader.throughput.plot import save
from grader.throughput.result import Measurement, Speed
from grader.throughput.roofline import Roofline, calibrate, one_thread, raised
from grader.throughput.statistics import RULES, enough, estimate
from grader.throughput.tolerance import FLOOR, band, errors

CASE = Conv2d(channels=2, filters=3, image=(4, 4))
ROOF = Roofline(flops=1e9, bytes=1e9)


def speed(ratio=0.5, seconds=1.0, case=CASE, **more):
    found = replace(estimate([ratio]), low=ratio * 0.99, high=ratio * 1.01, rounds=10)
    return Speed(case=case, estimate=found, seconds=seconds, library=seconds * ratio, roofline=ROOF, **more)


def measurement(*ratios, curve=Curve(low=0.1, high=0.4)):  # noqa: B008
    return Measurement(kernel="f", device="a machine", speeds=tuple(map(speed, ratios)), curve=curve)


class TestTolerance:
    right = torch.randn(2, 3, 4, 4, dtype=torch.float64)

    def test_an_error_is_judged_in_each_slice(self):
        wrong = self.right.clone()
        wrong[1, 2, 0, 0] += 1.0
        found = errors(wrong, self.right)
        assert found.l2.shape == found.largest.shape == (2, 3)
        assert found.l2[1, 2] > 0.01
        assert float(found.l2.sum() - found.l2[1, 2]) == 0
        assert band([errors(self.right, self.right)], "float32").first_outside(found) == (1, 2)

    def test_a_small_slice_hides_in_no_large_one(self):
        right = self.right.clone()
        right[0, 0] *= 1e-9
        wrong = right.clone()
        wrong[0, 0] = 0.0
        assert band([errors(right, right)], "float32").first_outside(errors(wrong, right)) == (0, 0)

    def test_nan_is_outside(self):
        wrong = self.right.clone()
        wrong[0, 1, 2, 3] = float("nan")
        assert band([errors(self.right, self.right)], "float16").first_outside(errors(wrong, self.right)) == (0, 1)

    def test_a_slice_of_zeros_is_right_if_it_is_zero(self):
        zeros = torch.zeros(1, 1, 2, 2, dtype=torch.float64)
        exact = band([errors(zeros, zeros)], "float32")
        assert exact.first_outside(errors(zeros, zeros)) is None
        assert exact.first_outside(errors(zeros + 1e-9, zeros)) == (0, 0)

    def test_twice_the_error_of_the_library_and_a_floor_is_allowed(self):
        library = errors(self.right * (1 + 1e-3), self.right)
        assert band([library], "float32").l2 == pytest.approx(2e-3 + FLOOR["float32"])
        assert band([library], "float32").first_outside(errors(self.right * (1 + 1.9e-3), self.right)) is None
        assert band([library], "float32").first_outside(errors(self.right * (1 + 2.1e-3), self.right)) == (0, 0)


class TestStatistics:
    ratios = (0.5 * np.exp(np.random.default_rng(1).normal(0, 0.05, 50))).tolist()

    def test_the_median_lies_in_its_interval_which_is_always_the_same(self):
        found = estimate(self.ratios)
        assert found.low < found.ratio < found.high
        assert found == estimate(self.ratios)
        assert found.width == pytest.approx((found.high - found.low) / 2 / found.ratio)

    def test_the_interval_holds_the_truth_about_as_often_as_it_says(self):
        draw = np.random.default_rng(2)
        found = [estimate(draw.lognormal(0, 0.05, 20).tolist()) for _ in range(200)]
        assert 0.88 < np.mean([entry.low <= 1 <= entry.high for entry in found]) < 0.995

    def test_one_slow_round_moves_nothing(self):
        assert estimate([0.5] * 10 + [0.01]).ratio == 0.5

    def test_ten_rounds_at_least_and_fifty_at_most(self):
        assert not enough([0.5] * 9, 0.0, RULES)
        assert enough([0.5] * 10, 0.0, RULES)
        assert not enough([0.1, 1.0] * 24, 0.0, RULES)
        assert enough([0.1, 1.0] * 25, 0.0, RULES)

    def test_of_several_cases_each_may_be_less_sure(self):
        """What is scored is their mean, which is surer than each."""
        draw = np.random.default_rng(3)
        needed = {cases: [] for cases in (1, 5)}
        speeds = []
        for _ in range(40):
            found = []
            for cases, counts in needed.items():
                ratios = draw.lognormal(0, 0.05, 50).tolist()
                count = next(n for n in range(51) if enough(ratios[:n], 0.0, RULES, cases=cases))
                counts.append(count)
            for _ in range(5):
                ratios = draw.lognormal(0, 0.05, 50).tolist()
                count = next(n for n in range(51) if enough(ratios[:n], 0.0, RULES, cases=5))
                found.append(estimate(ratios[:count]).ratio)
            speeds.append(overall(found))
        assert np.mean(needed[5]) < np.mean(needed[1]) / 2
        assert min(needed[5]) >= 5
        assert np.mean(np.abs(np.array(speeds) - 1) < 0.03) > 0.95

    def test_a_case_ends_when_its_time_is_over_but_not_without_a_round(self):
        assert enough([0.5], RULES.case_seconds, RULES)
        assert not enough([], RULES.case_seconds, RULES)

    def test_three_rounds_far_outside_of_the_curve_are_enough(self):
        """Whatever the speed is exactly, it earns nothing, or everything."""
        span = 0.08, 0.25
        for decisive in ([0.01, 0.012, 0.01], [0.6, 0.9, 0.7]):
            assert enough(decisive, 0.0, RULES, span)
            assert not enough(decisive[:2], 0.0, RULES, span)
        for unclear in ([0.01, 0.05, 0.01], [0.6, 0.45, 0.7], [0.1, 0.1, 0.1]):
            assert not enough(unclear, 0.0, RULES, span)
        assert not enough([0.01, 0.01, 0.01], 0.0, RULES)

    def test_a_clock_below_nine_tenths_of_the_first_spoils_a_round(self):
        assert slowed(0.89e9, 1e9, RULES)
        assert not slowed(0.91e9, 1e9, RULES)
        assert not slowed(None, None, RULES)


class TestCurve:
    curve = Curve(low=0.08, high=0.25)

    def test_equal_factors_earn_equal_parts(self):
        middle = math.sqrt(0.08 * 0.25) / FAVOUR
        assert self.curve.share(middle) == pytest.approx(0.5)

    def test_nothing_below_and_everything_above(self):
        assert self.curve.share(0.0) == self.curve.share(0.08 / FAVOUR * 0.999) == 0.0
        assert self.curve.share(0.25 / FAVOUR * 1.001) == self.curve.share(9.0) == 1.0

    def test_three_hundredths_of_speed_are_three_hundredths_of_points(self):
        assert self.curve.share(0.15 * 1.03) - self.curve.share(0.15) < 0.03

    @pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.3, 0.3), (-1.0, 1.0)])
    def test_a_curve_rises(self, low, high):
        with pytest.raises(ValueError, match="expected 0 < low < high"):
            Curve(low=low, high=high)

    def test_one_very_fast_shape_makes_up_for_nothing(self):
        assert overall([100.0, 0.5]) == overall([CAP, 0.5]) == pytest.approx(math.sqrt(CAP * 0.5))


class TestRoofline:
    def test_the_larger_of_both_times_is_the_least(self):
        assert Roofline(flops=CASE.flops, bytes=CASE.bytes / 3).seconds(CASE) == pytest.approx(3)
        assert Roofline(flops=CASE.flops, bytes=CASE.bytes / 3).bound(CASE) == "memory"
        assert Roofline(flops=CASE.flops / 2, bytes=CASE.bytes).bound(CASE) == "arithmetic"

    def test_it_lies_no_lower_than_what_was_seen(self):
        found = raised(ROOF, CASE, CASE.bytes / 5e9)
        assert found.bytes == pytest.approx(5e9)
        assert raised(ROOF, CASE, 1e9) == ROOF

    def test_this_machine_has_one_and_keeps_its_threads(self, monkeypatch):
        monkeypatch.setattr(roofline, "SECONDS", 0.0)
        monkeypatch.setitem(roofline.SIDES, "cpu", 32)
        monkeypatch.setitem(roofline.COPIED, "cpu", 1 << 16)
        before = torch.get_num_threads()
        found = calibrate.__wrapped__("cpu", "float32")
        assert found.flops > 0
        assert found.bytes > 0
        assert torch.get_num_threads() == before
        with one_thread():
            assert torch.get_num_threads() == 1


class TestRefusals:
    def test_faster_than_the_machine_is_impossible(self):
        least = ROOF.seconds(CASE)
        refuse_impossible("f", speed(seconds=least))
        with pytest.raises(Refused, match="needs"):
            refuse_impossible("f", speed(seconds=0.8 * least))

    def test_more_memory_than_allowed_is_refused(self):
        refuse_memory("f", CASE, 2000, 2000)
        refuse_memory("f", CASE, None, 2000)
        with pytest.raises(Refused, match=r"f for 1 × 2 × 4 × 4 .* took 3 MB .* 2 MB at most. Work block by block"):
            refuse_memory("f", CASE, 3_000_000, 2_000_000)

    def test_a_tensor_that_is_too_large_is_refused_and_its_operation_named(self):
        long = Attention(steps=1024, width=8, heads=2)
        refuse_large("f", long, 2 * 1024 * 256, "aten.bmm.default")
        refuse_large("f", CASE, 1 << 40, "aten.bmm.default")
        with pytest.raises(
            Refused, match=r"a tensor of 524,289 entries \(aten.bmm.default\); expected 524,288 at most"
        ):
            refuse_large("f", long, 2 * 1024 * 256 + 1, "aten.bmm.default")

    def test_room_is_for_some_tensors_of_the_largest_kind(self):
        assert room(CASE) == math.inf
        assert room(Attention(steps=1024, width=8, heads=1)) == TENSORS * 1024 * 256 * 4 + OWN

    def test_room_is_far_from_a_full_matrix_where_memory_is_asked_about(self):
        long = Attention(steps=12_000, width=16, heads=1)
        assert room(long) + IMPORTS < 0.7 * 4 * long.steps**2

    def test_what_imports_take_is_let_be_and_more_is_counted(self):
        assert imported(IMPORTS + 7, 7) == imported(None, 7) == imported(7, None) == 0
        assert imported(IMPORTS + 12, 7) == 5

    @pytest.mark.parametrize(
        "seen",
        ["aten::mkldnn_convolution", "aten.convolution.default", "cudnn_infer_volta_scudnn", "Torch-Compiled Region"],
    )
    def test_an_operation_of_the_library_is_named(self, seen):
        with pytest.raises(Refused, match=seen):
            refuse_operations(["aten::mm", seen], Conv2d.own_work, "f")

    def test_other_operations_are_let_be(self):
        refuse_operations(["aten::mm", "aten::im2col", "prims::convert_element_type"], Conv2d.own_work, "f")


class TestResult:
    def test_it_says_what_was_found_in_aligned_lines(self):
        found = Measurement(
            kernel="f",
            device="a machine",
            speeds=(speed(0.2, seconds=1e-6, extra=3 << 20), speed(0.2, case=CASE.batched(2))),
            curve=Curve(low=0.1, high=0.4),
        )
        head, where, *rows = found.text().splitlines()
        assert head.startswith("f is 0.20 times as fast as the library's operation: 52% of the points")
        assert "a machine" in where
        assert len(rows) == 3
        assert len({len(row) for row in rows}) == 1
        assert "3 MiB" in rows[1]
        assert "?" in rows[2]

    def test_without_a_curve_no_points_are_spoken_of(self):
        assert "points" not in measurement(0.2, curve=None).text()
        assert measurement(0.2, curve=None).share == 1.0

    def test_what_is_faster_than_the_library_is_flagged(self):
        assert "a person should look" in measurement(0.5, 1.2).text()
        assert "a person should look" not in measurement(0.5, 1.0).text()

    def test_units_follow_what_bounds_it(self):
        large = Conv2d(channels=64, filters=64, image=(8, 8))
        fast = replace(speed(case=large), roofline=Roofline(flops=1e9, bytes=1e12))
        assert fast.rate.endswith(" GFLOP/s")
        assert replace(fast, seconds=large.flops / 2e12).rate == "2.0 TFLOP/s"
        assert replace(fast, roofline=Roofline(flops=1e15, bytes=1e6)).rate.endswith(" GB/s")

    @pytest.mark.parametrize("curve", [None, Curve(low=0.1, high=0.4)])
    def test_it_can_be_drawn(self, tmp_path, curve):
        save(measurement(0.2, 0.5, curve=curve), tmp_path / "speed.png")
        assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")
