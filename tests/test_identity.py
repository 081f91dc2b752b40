"""Whom a label's photos share, and what is learnt from that: on made-up features, without a network."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.people import head, identity


def unit(*rows: list[float]) -> np.ndarray:
    table = np.array(rows, np.float32)
    return table / np.linalg.norm(table, axis=1, keepdims=True)


def test_the_identity_is_the_face_that_most_photos_share() -> None:
    """One person, beside a larger stranger each time, and once somebody else alone."""
    random = np.random.default_rng(0)
    person, stranger = np.eye(16)[0], random.normal(size=(6, 16))
    photos = [unit(stranger[k], person + 0.1 * random.normal(size=16)) for k in range(5)]
    found = identity.identity([*photos, unit(stranger[5])], [str(k) for k in range(6)])
    assert found and found.chosen[:5] == (1, 1, 1, 1, 1)
    assert found.cosines[5] < identity.SAME and found.agreement == pytest.approx(5 / 6)


@pytest.mark.parametrize("seed", [17, 113, 171])
def test_the_identity_is_found_where_the_mean_of_all_faces_misleads(seed: int) -> None:
    """Eight photos of a person who looks differently each time, among others; one look at them is not enough."""
    random = np.random.default_rng(seed)
    photos, right = [], []
    for _ in range(8):
        look = random.normal(size=16)
        faces = [np.eye(16)[0] + 1.2 * look / np.linalg.norm(look), *(random.normal(size=16) for _ in range(2))]
        order = random.permutation(3)
        photos.append(unit(*(faces[place].tolist() for place in order)))
        right.append(order.tolist().index(0))
    everybody = unit(np.concatenate(photos).mean(axis=0).tolist())[0]
    assert [int((faces @ everybody).argmax()) for faces in photos] != right
    found = identity.identity(photos, list("abcdefgh"))
    assert found and list(found.chosen) == right and len(found.means) == 1


def test_copies_of_a_photo_count_once() -> None:
    random = np.random.default_rng(1)
    other, person = unit(random.normal(size=16).tolist()), np.eye(16)[0]
    photos = [other] * 5 + [unit(person + 0.1 * random.normal(size=16)) for _ in range(3)]
    found = identity.identity(photos, ["copy"] * 5 + ["a", "b", "c"])
    assert found and found.mean @ person > 0.9


def test_a_fitted_layer_is_taken_only_where_means_name_wrongly() -> None:
    random = np.random.default_rng(2)
    photos = [unit((np.eye(8)[k % 2] + 0.1 * random.normal(size=8)).tolist()) for k in range(20)]
    made = head.learn(head.Lesson(tuple(photos), np.arange(20) % 2, tuple(map(str, range(20))), (1,) * 20, 2))
    assert made.kind == "means"
    answers, similarities = made.photos([*photos, np.zeros((0, 8), np.float32)])
    assert (answers[:20].argmax(axis=1) == np.arange(20) % 2).all()
    assert similarities[20] == -1 and answers[20].tolist() == [0.5, 0.5]


def test_nothing_is_fitted_to_a_stranger_where_it_is_open_who_is_meant() -> None:
    """The first label's two photos show two people: either may be meant, also the second, who is a bit like the other
    label's person."""
    random, who = np.random.default_rng(0), np.eye(8)[[2, 0, 1, 1]]
    photos = [unit((row + 0.1 * random.normal(size=8)).tolist()) for row in who]
    made = head.learn(head.Lesson(tuple(photos), np.array([0, 0, 1, 1]), ("a", "b", "c", "d"), (1,) * 4, 2))
    answers, _ = made.photos([unit([1, 0.4, 0, 0, 0, 0, 0, 0]), unit([0, 0, 1, 0, 0, 0, 0, 0])])
    assert answers.argmax(axis=1).tolist() == [0, 0]


@pytest.mark.parametrize(("photos", "same"), [(1, True), (2, False)])
def test_two_single_faces_are_of_one_person_sooner_than_two_means(photos: int, same: bool) -> None:
    """Chance moves the face of one photo more than what several share."""
    one, other = unit([1, 0, 0, 0, 0, 0, 0, 0]), unit([0.5, 0.866, 0, 0, 0, 0, 0, 0])
    found = {name: identity.identity([row] * photos, list("abc")[:photos]) for name, row in (("x", one), ("y", other))}
    assert identity.same_persons(found) == ([("x", "y")] if same else [])
