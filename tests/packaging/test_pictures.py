"""Pictures of the drawn world: as told, the same for a seed, the object inside the frame."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sample_model.contact_sheet import one_of_everything, sheet
from sample_model.facts import COLOURED_SURFACES, OBJECTS, SURFACES, Facts, Kind
from sample_model.layers import Array, Layer, blurred
from sample_model.objects import VARIANTS, Pose, draw_object, outline
from sample_model.outlines import Role, ring, stroke
from sample_model.pictures import draw
from sample_model.products import product

SIDE = 64


def rng(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


def silhouette(name: str, seed: int = 5) -> Array:
    return draw_object(name, "plain", "red", rng(seed), side=SIDE).alpha


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_fills_its_frame_and_stays_inside_it(name: str) -> None:
    alpha = silhouette(name)
    assert alpha.shape == (SIDE, SIDE)
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    assert border.max() == 0
    seen = np.argwhere(alpha > 0.5)
    assert np.ptp(seen, axis=0).max() > 0.84 * SIDE
    assert 0.12 < alpha.mean() < 0.75


@pytest.mark.parametrize("name", OBJECTS)
def test_most_of_an_object_shows_its_surface(name: str) -> None:
    red = draw_object(name, "plain", "red", rng(), side=SIDE)
    blue = draw_object(name, "plain", "blue", rng(), side=SIDE)
    differs = np.abs(red.rgb - blue.rgb).max(axis=2) > 0.12
    assert (differs & (red.alpha > 0.5)).sum() > 0.45 * (red.alpha > 0.5).sum()


def test_no_two_objects_share_a_silhouette() -> None:
    shapes = {name: silhouette(name) for name in OBJECTS}
    for i, one in enumerate(OBJECTS):
        for other in OBJECTS[i + 1 :]:
            common = np.minimum(shapes[one], shapes[other]).sum()
            either = np.maximum(shapes[one], shapes[other]).sum()
            assert common / either < 0.9, (one, other)


@pytest.mark.parametrize("name", OBJECTS)
def test_every_variant_has_sound_outlines(name: str) -> None:
    for variant in range(VARIANTS):
        shape = outline(name, variant)
        assert any(part.role is Role.SURFACE for part in shape.parts)
        for part in shape.parts:
            assert np.isfinite(part.points).all()
            assert part.points.min() > -0.2
            assert part.points.max() < 1.2


def test_edges_are_smooth() -> None:
    alpha = silhouette("mug")
    assert len(np.unique(alpha.round(3))) > 5


def test_a_pose_moves_flips_and_scales() -> None:
    small = Pose(size=0.4, x=0.3, y=0.6)
    alpha = draw_object("teapot", "plain", "red", rng(), side=SIDE, pose=small).alpha
    rows, columns = np.nonzero(alpha > 0.5)
    assert abs((rows.min() + rows.max() + 1) / 2 / SIDE - 0.6) < 0.03
    assert abs((columns.min() + columns.max() + 1) / 2 / SIDE - 0.3) < 0.03
    mirrored = Pose(size=0.4, x=0.7, y=0.6, flipped=True)
    other = draw_object("teapot", "plain", "red", rng(), side=SIDE, pose=mirrored).alpha
    assert np.abs(other[:, ::-1] - alpha).max() < 0.35


@pytest.mark.parametrize("facts", one_of_everything(), ids=str)
def test_a_seed_gives_one_picture(facts: Facts) -> None:
    first, again = draw(facts, 3, side=SIDE), draw(facts, 3, side=SIDE)
    assert first.size == (SIDE, SIDE)
    assert first.mode == "RGB"
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != draw(facts, 4, side=SIDE).tobytes()


@pytest.mark.parametrize("surface", SURFACES)
def test_every_surface_can_cover_an_object(surface: str) -> None:
    colour = "teal" if surface in COLOURED_SURFACES else None
    layer = draw_object("cushion", surface, colour, rng(), side=SIDE)
    assert layer.rgb.dtype == np.float32
    assert np.isfinite(layer.rgb).all()
    assert layer.rgb.min() >= 0
    assert layer.rgb.max() <= 1


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("colour", ["black", "blue"])
def test_a_dark_product_is_visible_at_night(name: str, colour: str) -> None:
    facts = Facts(Kind.PRODUCT, name, "plain", colour, scene="forest", time="night")
    dark = product(facts, rng(), side=SIDE)
    # the object is found by drawing the same picture in white: only its own pixels change
    light = Facts(Kind.PRODUCT, name, "plain", "white", scene="forest", time="night")
    inside = (product(light, rng(), side=SIDE) - dark).mean(axis=2) > 0.15
    assert inside.sum() > 0.04 * SIDE**2
    around = (blurred(inside.astype(np.float32), 3) > 0.1) & ~inside
    assert np.abs(dark[around].mean(axis=0) - dark[inside].mean(axis=0)).max() > 0.04


def test_what_a_kind_needs_is_asked_for() -> None:
    for facts in (Facts(Kind.PRODUCT), Facts(Kind.SWATCH), Facts(Kind.SCENE), Facts(Kind.ANIMAL)):
        with pytest.raises(ValueError, match=r"Facts|names no object"):
            draw(facts, 1, side=SIDE)


def test_a_layer_covers_by_its_alpha() -> None:
    alpha = np.zeros((2, 2), np.float32)
    alpha[0, 0], alpha[0, 1] = 1, 0.5
    layer = Layer(np.ones((2, 2, 3), np.float32), alpha)
    covered = layer.over(np.zeros((2, 2, 3), np.float32))
    assert covered[..., 0].tolist() == [[1.0, 0.5], [0.0, 0.0]]


def test_blur_keeps_what_is_there() -> None:
    plane = np.zeros((33, 33), np.float32)
    plane[16, 16] = 1
    soft = blurred(plane, 2.0)
    assert abs(float(soft.sum()) - 1) < 0.01
    assert 0.03 < float(soft.max()) < 0.05


def test_curves_pass_their_knots() -> None:
    closed = ring([(0.2, 0.2, 1), (0.8, 0.3), (0.5, 0.9)])
    for knot in ((0.2, 0.2), (0.8, 0.3), (0.5, 0.9)):
        assert np.abs(closed - knot).sum(axis=1).min() < 1e-9
    band = stroke((0.0, 0.5), (1.0, 0.5), width=0.2)
    assert np.ptp(band[:, 1]) == pytest.approx(0.2, abs=1e-6)
    assert np.ptp(band[:, 0]) == pytest.approx(1.2, abs=0.01)


def test_a_contact_sheet_holds_all_in_rows() -> None:
    pictures = [Image.new("RGB", (8, 8), (i * 40, 0, 0)) for i in range(5)]
    paper = sheet(pictures, 3)
    assert paper.size == (24, 16)
    assert paper.getpixel((12, 12)) == (160, 0, 0)
    with pytest.raises(ValueError, match="at least one"):
        sheet([], 3)
