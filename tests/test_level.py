from itertools import pairwise

from grader.sandbox.level import TRAITS, Layer, Level


def test_levels_are_ordered_from_the_strongest_and_each_has_its_traits():
    assert "".join(Level) == "ABCDE"
    assert set(TRAITS) == set(Level)


def test_each_level_down_to_c_lacks_one_layer_of_the_level_above():
    for stronger, weaker in pairwise([Level.A, Level.B, Level.C]):
        assert len(stronger.layers - weaker.layers) == 1
        assert weaker.layers < stronger.layers
    assert Layer.LANDLOCK not in Level.D.layers
    assert Level.E.layers == frozenset()


def test_a_level_says_what_it_has_what_it_lacks_and_how_to_get_it():
    assert Level.A.label == "A (bubblewrap, Landlock, seccomp)"
    assert not Level.A.lost
    assert all(level.lost for level in Level if level is not Level.A)
    assert all(level.gain for level in Level if level is not Level.E)
