"""What checks get from `throughput`, from the student's desk to the points."""

import contextlib
from dataclasses import replace

import pytest

from grader.device import DEVICES
from grader.errors import SubmissionError
from grader.local import Local
from grader.model import Cell, Check, CheckResult, Report, Status, Task
from grader.run import Run
from grader.sandbox.level import Level
from grader.throughput import kernel as kernels
from grader.throughput import match
from grader.throughput.attention import Attention
from grader.throughput.checks import Throughput, require_package
from grader.throughput.contestant import Audit, Contestant
from grader.throughput.conv2d import Conv2d
from grader.throughput.curve import Curve
from grader.throughput.errors import Refused, Unmeasured
from grader.throughput.kernel import beside, prelude, sandboxed, unreachable
from grader.throughput.measure import measure
from tests.test_throughput_cheats import RULES, SMALL, kernel

HONEST = "def conv2d(x, w, **named):\n    honest(x, w, **named)\n"
NO_CUDA = DEVICES["cuda"].missing()
TINY = Conv2d(channels=2, filters=3, image=(5, 4))
CHECKS = """
from dataclasses import replace

import pytest

from grader.throughput.conv2d import Conv2d
from grader.throughput.statistics import Rules

RULES = Rules(
    warm_up=1, warm_up_seconds=0.0, call_seconds=0.0, round_seconds=0.001, rounds=(2, 2), caches=0, unsure=1e9,
    arena=64 << 20,
)
CASE = Conv2d(channels=2, filters=3, image=(5, 4))


@pytest.mark.task("conv2d", points=4)
def test_right(hw, throughput):
    throughput.verify("conv2d", [CASE, CASE.batched(2)])


@pytest.mark.task("conv2d_speed", points=5, covers=("conv2d",))
def test_speed(hw, throughput):
    throughput.measure("conv2d", [CASE], curve={curve}, rules=RULES)


@pytest.mark.task("conv2d_gpu", points=3, covers=("conv2d",))
def test_gpu(hw, throughput):
    throughput.measure("conv2d", [CASE], curve=(0.1, 0.2), device="cuda", rules=RULES)
"""
KERNEL = """
import torch


def conv2d(x, w, *, stride, padding, out):
    columns = torch.nn.functional.unfold(x, w.shape[2:], stride=stride, padding=padding)
    out.copy_((w.flatten(1) @ columns).view(out.shape))
"""


@pytest.fixture(autouse=True)
def _beside_others(monkeypatch):
    monkeypatch.setattr("grader.throughput.measure.alone", contextlib.nullcontext)


@pytest.fixture
def throughput():
    told = []
    opened = Throughput(lambda name: replace(kernel(HONEST), name=name), told.append)
    opened.told = told
    yield opened
    opened.close()


def desk(pytester, source, curve, *options):
    pytester.makepyfile(kernel=source, test_kernel=CHECKS.replace("{curve}", curve))
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)


class TestAtADesk:
    @pytest.mark.skipif(not NO_CUDA, reason="there is a GPU")
    def test_a_speed_earns_its_share_and_what_is_not_measured_stays_open(self, pytester):
        found = desk(pytester, KERNEL, "(1e-9, 1e-8)")
        found.assert_outcomes(passed=2, skipped=1)
        found.stdout.re_match_lines(
            [r"conv2d .* 4 / 4", r"conv2d_speed .* 5 / 5", r"conv2d_gpu +\? / 3 .*not measured: "]
        )

    def test_a_part_of_the_points_is_said_in_the_table(self, pytester):
        found = desk(pytester, KERNEL, "(1e-9, 1e9)", "-k", "speed")
        found.stdout.re_match_lines([r"conv2d_speed +2\.\d+ / 5 +1 of 1 +conv2d is .* times as fast"])

    def test_too_slow_for_points_has_failed_and_says_how_slow(self, pytester):
        found = desk(pytester, KERNEL, "(1e8, 1e9)", "-k", "speed")
        found.assert_outcomes(failed=1)
        found.stdout.re_match_lines([r"conv2d_speed +0 / 5 +0 of 1 +conv2d is .* times as fast"])

    def test_a_wrong_kernel_has_no_speed(self, pytester):
        found = desk(pytester, KERNEL.replace("out.copy_(", "out.copy_(1.001 * "), "(1e-9, 1e-8)", "-k", "not gpu")
        found.assert_outcomes(failed=2)
        found.stdout.fnmatch_lines(
            ["*conv2d is wrong for 1 × 2 × 5 × 4 → 3, 3 × 3 before it is timed: out[[]n = 0, k = 0[]]*"]
        )

    def test_a_stub_is_not_started(self, pytester):
        found = desk(
            pytester, "def conv2d(x, w, *, stride, padding, out):\n    raise NotImplementedError()\n", "(1, 2)"
        )
        found.stdout.re_match_lines([r"conv2d_speed +0 / 5 +0 of 1 +not started: write conv2d"])

    def test_a_missing_function_is_named(self, pytester):
        found = desk(pytester, "x = 1\n", "(1, 2)", "-k", "speed")
        found.stdout.fnmatch_lines(["*conv2d*"])
        found.assert_outcomes(failed=1)


class TestThroughput:
    def test_a_right_kernel_is_right_and_its_workers_are_kept(self, throughput):
        throughput.verify("conv2d", [TINY, TINY.batched(2)])
        kept = dict(throughput._open)
        throughput.verify("conv2d", [TINY])
        assert throughput._open == kept
        assert len(kept) == 1

    def test_what_is_measured_is_told(self, throughput):
        found = throughput.measure("conv2d", [SMALL], curve=(1e-9, 1e-8), rules=RULES)
        assert throughput.told == [found]
        assert found.share == 1.0

    @pytest.mark.skipif(not NO_CUDA, reason="there is a GPU")
    def test_without_a_gpu_a_check_is_skipped_with_the_reason(self, throughput):
        for ask in (
            lambda: throughput.verify("conv2d", [TINY], device="cuda"),
            lambda: throughput.measure("conv2d", [TINY], curve=(1, 2), device="cuda"),
        ):
            with pytest.raises(pytest.skip.Exception, match="conv2d is measured on cuda: this "):
                ask()

    def test_a_package_that_is_missing_skips(self):
        require_package("torch")
        with pytest.raises(pytest.skip.Exception, match="no_such_thing is not installed"):
            require_package("no_such_thing")

    def test_an_unsure_result_is_none(self):
        with pytest.raises(Unmeasured, match="too busy"):
            measure(kernel(HONEST), [SMALL], rules=replace(RULES, unsure=-1.0))

    def test_a_clock_that_keeps_falling_is_no_failure(self, monkeypatch):
        clocks = iter([3e9] * 2 + [1e9] * 99)
        monkeypatch.setattr(type(DEVICES["cpu"]), "clock", lambda self: next(clocks))
        with pytest.raises(Unmeasured, match="lowering its clock"):
            measure(kernel(HONEST), [SMALL], curve=Curve(low=0.1, high=0.2), rules=replace(RULES, spoilt=2))


ATTENTION = """
import numpy
import torch


def attention(q, k, v, *, causal, out):
    honest_attention(q, k, v, causal=causal, out=out, block=32)
"""
BESIDES = """
import grader.sandbox.timed
grader.sandbox.timed.Calls.audit = lambda self: {"operations": [], "largest": 0, "by": ""}


def attention(q, k, v, *, causal, out, block=32):
    matrix = numpy.full((q.shape[2], q.shape[2]), 1.0, dtype=numpy.float32)  # which no audit of torch's sees
    honest_attention(q, k, v, causal=causal, out=out, block=32)
"""
BEFOREHAND = "MATRIX = torch.ones(12288, 12288)\n"


class TestMemory:
    @pytest.fixture
    def found(self):
        def opened(source, name="attention"):
            return Throughput(lambda name: kernel(source, name=name), lambda found: None)

        return opened

    LONG = Attention(steps=12_288, width=1, heads=1)

    def test_a_kernel_that_works_block_by_block_has_room(self, found):
        with contextlib.closing(found(ATTENTION)) as asked:
            asked.verify_memory("attention", [self.LONG])

    @pytest.mark.parametrize("more", [BESIDES, BEFOREHAND])
    def test_a_matrix_is_seen_from_outside_however_it_is_made(self, found, more):
        refused = pytest.raises(Refused, match="MB on top of inputs and outputs; expected 168 MB at most")
        with contextlib.closing(found(ATTENTION + more)) as asked, refused:
            asked.verify_memory("attention", [self.LONG])

    def test_an_audit_that_tells_nonsense_tells_nothing(self, monkeypatch):
        made = Contestant(kernel(HONEST), DEVICES["cpu"], 1 << 20)
        try:
            for nonsense in ([], {"operations": "all", "largest": 1, "by": ""}, {"operations": [], "largest": "1"}):
                monkeypatch.setattr(made._session, "request", lambda *asked, nonsense=nonsense: nonsense)
                assert made.audit() == Audit()
            told = {"operations": ["aten::mm", 1], "largest": 2, "by": "aten.mm"}
            monkeypatch.setattr(made._session, "request", lambda *asked: told)
            assert made.audit() == Audit(operations=("aten::mm",), largest=2, by="aten.mm")
        finally:
            made.close()


class TestTurns:
    def test_pieces_hold_every_call_once(self):
        for count in (1, 3, 8, 50):
            calls = [call for first, end in match.pieces(count) for call in range(first, end)]
            assert calls == list(range(count))

    def test_work_in_the_others_turn_is_refused(self):
        match.refuse_work_out_of_turn(0.01, 1.0)
        with pytest.raises(Refused, match="while the library's operation was measured"):
            match.refuse_work_out_of_turn(0.2, 1.0)


class TestRun:
    def test_a_notebook_that_runs_has_no_kernel_to_measure(self, tmp_path):
        with pytest.raises(Unmeasured, match="save the notebook"):
            Run(namespace={}).kernel(tmp_path / "test_m.py", "f")

    def test_ones_own_file_runs_beside_and_what_is_graded_in_the_sandbox(self, tmp_path):
        checks = tmp_path / "test_m.py"
        (tmp_path / "m.py").write_text("x = 1\n")
        cells = (Cell(filename="m.py", source="x = 2\n"),)
        assert Run().kernel(checks, "f").start is beside
        assert Run(isolate=True).kernel(checks, "f").start is sandboxed
        graded = Run(cells={"m": cells}).kernel(checks, "f")
        assert (graded.start, graded.cells, graded.module) == (sandboxed, cells, "m")

    def test_no_file_is_an_error_of_the_submission(self, tmp_path):
        with pytest.raises(SubmissionError):
            Run().kernel(tmp_path / "test_m.py", "f")

    def test_of_a_parametrised_check_the_smallest_share_counts(self):
        run, check = Run(), Check(name="c", task="t")
        for share in (0.9, 0.3, 0.7):
            run.add("hw/m", Task(name="t", points=10), CheckResult(check=check, status=Status.PASSED, share=share))
        assert run.reports()["hw/m"].score == 3.0
        run.add("hw/m", Task(name="t", points=10), CheckResult(check=check, status=Status.SKIPPED))
        assert run.reports()["hw/m"].open_tasks
        run.add("hw/m", Task(name="t", points=10), CheckResult(check=check, status=Status.FAILED))
        assert run.reports()["hw/m"].score == 0.0

    def test_nothing_is_measured_while_a_tape_is_made(self, tmp_path):
        assert Run(recording=True).perform("c", None, {"throughput": None}, tmp_path) is True
        assert Run().perform("c", None, {"throughput": None}, tmp_path) is False

    def test_a_check_earns_by_weight_and_share(self):
        checks = [Check(name="a", task="t", weight=3), Check(name="b", task="t")]
        results = (
            CheckResult(check=checks[0], status=Status.PASSED, share=0.5),
            CheckResult(check=checks[1], status=Status.PASSED),
        )
        report = Report(student="", assignment="", tasks=(Task(name="t", points=8),), results=results)
        assert report.score == 5.0

    def test_a_measurement_belongs_to_its_check_only(self, throughput):
        run, check = Run(), Check(name="c", task="t")
        run.tell(throughput.measure("conv2d", [SMALL], curve=(1e-9, 1e-8), rules=RULES))
        with contextlib.ExitStack() as stack:
            run.enter_check(stack, Local("m", {}, {}), lambda: None, check, {})
        assert run.settle(check, None, 1.0, None) == CheckResult(check=check, status=Status.PASSED, seconds=1.0)


class TestWorkers:
    def test_the_sandbox_keeps_submissions_from_a_gpu(self, monkeypatch):
        for level, reached in ((Level.A, False), (Level.E, True)):
            monkeypatch.setattr(kernels, "current", lambda level=level: type("Sandbox", (), {"level": level})())
            assert (unreachable("cuda", sandboxed) == "") is reached
        assert unreachable("cuda", beside) == unreachable("cpu", sandboxed) == ""

    def test_limits_leave_room_for_shared_memory_and_for_cuda(self):
        assert kernel("").bounded("cpu", 64 << 20).memory_mb == kernel("").limits.memory_mb + 64
        assert kernel("").bounded("cuda", 1).memory_mb > 1e7

    def test_the_prelude_is_code(self):
        compile(prelude((r"conv(?!ert)",), interpreted=True).source, "prelude", "exec")
