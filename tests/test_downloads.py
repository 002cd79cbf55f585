import pytest

from grader.downloads import gradescope_names, sortable, student_id, whose


def found(*paths, default="download", names=None):
    """{path: (student, name, attempts)} of paths as text."""
    handins = whose([tuple(path.split("/")) for path in paths], default, "hw1", names)
    return {
        "/".join(path): (each.student, "/".join(each.name), each.attempts)
        for path, each in handins.items()
        if each.counts
    }


@pytest.mark.parametrize(
    ("path", "student", "name"),
    [
        ("hw1_jdoe_attempt_2026-11-03-11-05-00_linear.py", "jdoe", "linear.py"),
        ("hw1_j_doe_attempt_2026-11-03-11-05-00_my_linear.ipynb", "j_doe", "my_linear.ipynb"),
        ("doejane_12345_67890_linear.ipynb", "doejane", "linear.ipynb"),
        ("doejane_LATE_12345_67890_linear_classifiers-1.ipynb", "doejane", "linear_classifiers.ipynb"),
        ("doejané_12345_67890_hw1.zip", "doejané", "hw1.zip"),
        ("Jane Doe_12345_assignsubmission_file_/linear.ipynb", "Jane Doe", "linear.ipynb"),
        ("Jane Doe_12345_assignsubmission_file/src/linear.py", "Jane Doe", "src/linear.py"),
        ("Jane Doe_12345_assignsubmission_file_linear.py", "Jane Doe", "linear.py"),
        ("123-456 - Jane Doe - Nov 3, 2026 1105 PM/linear.ipynb", "Jane Doe", "linear.ipynb"),
        ("123-456 - Jean-Luc O'Doe- Nov 3, 2026 1105 PM/linear.py", "Jean-Luc O_Doe", "linear.py"),
        ("submission_12345/linear.py", "submission_12345", "linear.py"),
    ],
)
def test_a_platform_says_whose_a_file_is(path, student, name):
    expected = {path: (student, name, 1)}
    assert found(path, "index.html", "readme.pdf") == expected
    assert found(f"export/{path}") == {f"export/{path}": expected[path]}, "in a folder that holds everything"


@pytest.mark.parametrize(
    ("path", "student"),
    [
        ("hw1_eve_attempt_2026-11-03-11-05-00_x_bob_attempt_2027-11-03-11-05-00_linear.py", "eve"),
        ("evejones_55_777_bobsmith_42_43_linear.py", "evejones"),
        ("Eve_55_assignsubmission_file_Bob_42_assignsubmission_file_linear.py", "Eve"),
        ("Eve_55_assignsubmission_file_/Bob_42_assignsubmission_file_/linear.py", "Eve"),
        ("55-1 - Eve - Nov 3, 2026 1105 PM/42-1 - Bob - Nov 4, 2026 1105 PM/linear.py", "Eve"),
        ("submission_1/submission_2/linear.py", "submission_1"),
    ],
)
def test_a_name_that_a_student_chose_says_nothing(path, student):
    assert [handin[0] for handin in found(path, path.replace("linear", "other")).values()] == [student] * 2


def test_of_several_attempts_the_last_counts_whole():
    blackboard = "hw1_ada_attempt_2026-11-{}-11-05-00_{}"
    first, last = blackboard.format("03", "linear.py"), blackboard.format("04", "linear.ipynb")
    assert found(first, last) == {last: ("ada", "linear.ipynb", 2)}
    brightspace = "1-2 - Ada - Nov 3, 2026 {}/linear.py"
    times = ["1105 PM", "905 AM", "1230 AM", "105 PM"]
    assert list(found(*map(brightspace.format, times))) == [brightspace.format("1105 PM")]
    assert found(*(f"ada_1_{n}_linear-{n}.py" for n in (9, 10))) == {"ada_1_10_linear-10.py": ("ada", "linear.py", 2)}


def test_two_people_of_one_name_are_two_students():
    names = {handin[0] for handin in found("doejane_1_5_a.py", "doejane_2_6_a.py", "roeada_3_7_a.py").values()}
    assert names == {"doejane 1", "doejane 2", "roeada"}
    names = {handin[0] for handin in found("a'b/x.py", "a_b/x.py").values()}
    assert names == {"a_b 1", "a_b 2"}


@pytest.mark.parametrize(
    ("paths", "students"),
    [
        (("ada/a.py", "bob/a.py"), ["ada", "bob"]),
        (("submitted/ada/hw1/a.py", "submitted/bob/hw1/a.py", "submitted/bob/hw2/a.py"), ["ada", "bob"]),
        (("class/ada.zip", "class/bob.ZIP"), ["ada", "bob"]),
        (("a.py", "b/c.py"), ["download", "download"]),
        (("hw1/a.py", "hw1/b.ipynb"), ["download", "download"]),
        (("submitted/ada/hw1/a.py",), ["ada"]),
        (("a.ipynb", "__MACOSX/._a.ipynb", ".ipynb_checkpoints/a-checkpoint.ipynb"), ["download"]),
        (("notes.txt",), []),
        ((), []),
    ],
)
def test_without_a_platform_folders_are_students_and_loose_files_are_one(paths, students):
    assert [handin[0] for handin in found(*paths).values()] == students


def test_a_folder_in_a_students_folder_is_nobody_else():
    assert {handin[0] for handin in found("ada/a.py", "eve/x/bob/hw1/a.py", "eve/a.py").values()} == {"ada", "eve"}


def test_files_beside_those_of_a_platform_are_left_out():
    assert list(found("doejane_1_5_a.py", "solution.py")) == ["doejane_1_5_a.py"]


def test_gradescope_names_its_submissions():
    metadata = (
        "---\nsubmission_11:\n  :submitters:\n  - :name: Ada Lovelace\n    :sid: '7'\n    :email: a@example.org\n"
        "  :created_at: 2026-11-03\nsubmission_12:\n  :submitters:\n  - :name: 'Bob'\n    :sid: ''\n"
        '  - :name: "Cem"\n  :results:\n    :name: Eve\n    :output: |\n    :name: Eve\n'
    )
    names = gradescope_names(metadata)
    assert names == {"11": "Ada Lovelace", "12": "Bob and Cem"}
    assert found("submission_12/a.py", names=names)["submission_12/a.py"][0] == "Bob and Cem"


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("Nov 3, 2026 1105 PM", "2026-11-03 23:05"),
        ("November 3, 2026 905 AM", "2026-11-03 09:05"),
        ("3 November, 2026 1205 AM", "2026-11-03 00:05"),
        ("3 Nov, 2026 1705", "2026-11-03 17:05"),
        ("2026-11-03-11-05-00", "2026-11-03-11-05-00"),
        ("Marvember", "Marvember"),
        ("", ""),
    ],
)
def test_times_sort(time, expected):
    assert sortable(time) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Jane Doe", "Jane Doe"),
        ("Łukasz Żółć", "Łukasz Żółć"),
        ("<script>alert(1)</script>", "_script_alert_1_script_"),
        ("../../etc", "_.._etc"),
        ("..", "_"),
        ("--force", "force"),
        ("=cmd|' /C calc'!A0", "_cmd_ _C calc_A0"),
        ("a\x1b[31mb\u202ec\n", "a_31mb_c_"),
        ("", "_"),
        ("x" * 300, "x" * 100),
    ],
)
def test_an_id_is_safe_wherever_it_is_shown(name, expected):
    assert student_id(name) == expected
