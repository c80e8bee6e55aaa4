from biome_interpret.attribution.paths import Noise, Path, PathMeasure


def test_points_are_in_the_order_of_paths_and_nodes() -> None:
    measure = PathMeasure([Path([0.0, 1.0], [0.1, 0.4], 0), Path([0.5], [0.5], 1)])
    assert measure.nodes == [((0, None), 0.0), ((0, None), 1.0), ((1, None), 0.5)]
    assert measure.weights == [0.1, 0.4, 0.5]


def test_paths_with_the_same_start_have_the_same_key() -> None:
    noise = Noise((0, 1), 0.1, relative=False)
    assert Path([0.2], [1.0], 3, noise).key == Path([0.7], [0.5], 3, noise).key
    assert Path([0.2], [1.0], 3, noise).key != Path([0.2], [1.0], 3, noise._replace(sign=-1)).key
