"""Examples of different structure are each served by their own circuit, and the loss is the literal one."""

from __future__ import annotations

import pytest
import torch

from gedi_nesy.errors import DataError, ProgramError
from gedi_nesy.logic import circuit_constraint
from gedi_nesy.logic.examples import Examples, Structure
from gedi_nesy.logic.limits import Limits
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate
from gedi_nesy.logic.structures import Structures

DIGIT = "nn(net,[X],Y,[0,1,2]) :: digit(X,Y).\n"
TOTAL = DIGIT + "total([],0). total([A|R],T) :- digit(A,X), total(R,S), T is X+S."
SAME = DIGIT + "same(A,B,C) :- digit(A,X), digit(B,X), digit(C,X)."
FORMULA = DIGIT + (
    "nn(op,[X],Y,[plus,times]) :: operator(X,Y).\n"
    "formula(A,O,B,Z) :- digit(A,X), operator(O,plus), digit(B,Y), Z is X+Y.\n"
    "formula(A,O,B,Z) :- digit(A,X), operator(O,times), digit(B,Y), Z is X*Y."
)


def structures(text, query, roles, classes=None, **options):
    classes = classes or {"net": [0, 1, 2]}
    template = QueryTemplate.parse(query, roles)
    return Structures(parse(text), template, classes, circuit_constraint.build_constraint, Limits(), **options)


def log_probs(images, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(images, classes, generator=generator, dtype=torch.float64).log_softmax(1)


def lists_of_digits():
    """Two lists of two images with totals 3 and 1, one list of three with total 6, in mixed order."""
    made = structures(TOTAL, "total(L,T)", {"L": "images", "T": "label"})
    two, three = Structure((("L", 2),)), Structure((("L", 3),))
    parts = [
        Examples(torch.tensor([[0, 1]]), torch.tensor([3]), torch.tensor([made.number(two)])),
        Examples(torch.tensor([[2, 3, 4]]), torch.tensor([6]), torch.tensor([made.number(three)])),
        Examples(torch.tensor([[5, 1]]), torch.tensor([1]), torch.tensor([made.number(two)])),
    ]
    return made.family(3), Examples.joined(parts)


def test_lists_of_any_length_are_the_literal_sums():
    family, examples = lists_of_digits()
    p = log_probs(6).exp()
    literal = [
        p[0, 1] * p[1, 2] + p[0, 2] * p[1, 1],
        p[2, 2] * p[3, 2] * p[4, 2],
        p[5, 0] * p[1, 1] + p[5, 1] * p[1, 0],
    ]
    torch.testing.assert_close(family.log_probability(log_probs(6), examples).exp(), torch.stack(literal))
    torch.testing.assert_close(family.loss(log_probs(6), examples), -torch.stack(literal).log().mean())


def test_the_order_of_examples_does_not_matter():
    family, examples = lists_of_digits()
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(
        family.log_probability(log_probs(6), examples[order]), family.log_probability(log_probs(6), examples)[order]
    )


def test_satisfied_reads_the_most_probable_classes():
    family, examples = lists_of_digits()
    classes = torch.tensor([1, 2, 2, 2, 2, 0])
    certain = torch.nn.functional.one_hot(classes, 3).float()
    assert family.satisfied(certain, examples).tolist() == [True, True, False]


def test_two_slots_with_one_image_are_one_variable():
    made = structures(SAME, "same(A,B,C)", dict.fromkeys("ABC", "image"))
    shared = Structure(first=(0, 1, 0))
    examples = Examples(torch.tensor([[0, 1]]), torch.tensor([0]), torch.tensor([made.number(shared)]))
    p = log_probs(2).exp()
    actual = made.family(3).log_probability(log_probs(2), examples)
    torch.testing.assert_close(actual.exp(), (p[0] * p[1]).sum()[None])


def test_constants_are_given_before_the_query_is_asked():
    made = structures(TOTAL, "total([A,B],T)", {"A": "image", "B": "image", "T": "constant"})
    numbers = torch.tensor([made.number(Structure(constants=(("T", str(total)),))) for total in (4, 0)])
    p = log_probs(2).exp()
    examples = Examples(torch.tensor([[0, 1], [0, 1]]), torch.tensor([0, 0]), numbers)
    actual = made.family(3).log_probability(log_probs(2), examples)
    torch.testing.assert_close(actual.exp(), torch.stack([p[0, 2] * p[1, 2], p[0, 0] * p[1, 0]]))


def test_a_structure_without_proof_is_refused_each_time_and_compiled_once(monkeypatch):
    made = structures(TOTAL, "total([A],T)", {"A": "image", "T": "constant"})
    calls = []
    build = made.build
    made.build = lambda *arguments: calls.append(1) or build(*arguments)
    for _ in range(2):
        with pytest.raises(ProgramError, match="no proof"):
            made.number(Structure(constants=(("T", "7"),)))
    assert len(calls) == 1


def formulas():
    """A classifier of five symbols, the operators first; the formula 1 + 2 has the value 3."""
    classes = {"op": [0, 1], "net": [2, 3, 4]}
    roles = {"A": "image", "O": "image", "B": "image", "Z": "label"}
    made = structures(FORMULA, "formula(A,O,B,Z)", roles, classes)
    only = Structure()
    answer = made.constraint(only).answer_index([3])
    return made.family(5), Examples(torch.tensor([[0, 1, 2]]), torch.tensor([answer]), torch.tensor([0]))


def test_networks_share_the_classifier_by_classes():
    family, examples = formulas()
    given = log_probs(3, 5).exp()
    digits, operators = (
        given[:, 2:] / given[:, 2:].sum(1, keepdim=True),
        given[:, :2] / given[:, :2].sum(1, keepdim=True),
    )
    literal = operators[1, 0] * (digits[0, 1] * digits[2, 2] + digits[0, 2] * digits[2, 1])
    torch.testing.assert_close(family.log_probability(log_probs(3, 5), examples).exp()[0], literal)


def test_a_network_may_count_the_classifiers_classes_in_another_order():
    made = structures(TOTAL, "total([A],T)", {"A": "image", "T": "label"}, {"net": [2, 0, 1]})
    number = torch.tensor([made.number(Structure())] * 3)
    examples = Examples(torch.zeros(3, 1, dtype=torch.long), torch.arange(3), number)
    torch.testing.assert_close(made.family(3).log_probability(log_probs(1), examples), log_probs(1)[0, [2, 0, 1]])


def test_the_loss_asks_for_the_kind_of_each_image_too():
    family, examples = formulas()
    p = log_probs(3, 5).exp()
    joint = p[1, 0] * (p[0, 3] * p[2, 4] + p[0, 4] * p[2, 3])
    torch.testing.assert_close(family.loss(log_probs(3, 5), examples), -joint.log())


def test_a_class_of_another_network_satisfies_nothing():
    family, examples = formulas()
    plus_one_two, digit_for_operator = torch.tensor([3, 0, 4]), torch.tensor([3, 2, 4])
    for classes, expected in ((plus_one_two, True), (digit_for_operator, False)):
        certain = torch.nn.functional.one_hot(classes, 5).float()
        assert family.satisfied(certain, examples).tolist() == [expected]
    # 0 + 2 = 2 would hold if the operator in the place of the first digit counted as its network's first class.
    answer = torch.tensor([family.constraints[0].answer_index([2])])
    one_foreign = torch.nn.functional.one_hot(torch.tensor([0, 0, 4]), 5).float()
    assert family.satisfied(one_foreign, Examples(examples.slots, answer, examples.structure)).tolist() == [False]


def test_known_classes_are_counted_as_the_classifier_counts_them():
    family, examples = formulas()
    known = Examples(examples.slots, examples.answer, examples.structure, known=torch.tensor([[3, -1, -1]]))
    p = log_probs(3, 5).exp()
    joint = p[0, 3] * p[1, 0] * p[2, 4]
    torch.testing.assert_close(family.loss(log_probs(3, 5), known), -joint.log())


def test_a_target_is_the_cross_entropy_with_the_probability_of_each_structure():
    made = structures(TOTAL, "total(L,T)", {"L": "images", "T": "label"}, complements=True)
    one, two = (made.number(Structure((("L", length),))) for length in (1, 2))
    parts = [
        Examples(torch.tensor([[0]]), torch.tensor([2]), torch.tensor([one]), target=torch.tensor([0.25])),
        Examples(torch.tensor([[1, 2]]), torch.tensor([1]), torch.tensor([two]), target=torch.tensor([0.0])),
    ]
    p = log_probs(3).exp()
    single, both = p[0, 2], p[1, 0] * p[2, 1] + p[1, 1] * p[2, 0]
    literal = -(0.25 * single.log() + 0.75 * (1 - single).log() + (1 - both).log()) / 2
    torch.testing.assert_close(made.family(3).loss(log_probs(3), Examples.joined(parts)), literal)


def test_targets_and_known_classes_survive_padding():
    one = Examples(torch.tensor([[0]]), torch.tensor([0]), torch.tensor([0]), target=torch.tensor([0.25]))
    two = Examples(torch.tensor([[1, 2]]), torch.tensor([0]), torch.tensor([1]), known=torch.tensor([[2, -1]]))
    joined = Examples.joined([one, two])
    assert joined.slots.tolist() == [[0, -1], [1, 2]]
    assert joined.target.tolist() == [0.25, 1.0]
    assert joined.known.tolist() == [[-1, -1], [2, -1]]


def test_parameters_of_a_program_are_shared_by_its_structures():
    made = structures(TOTAL + " t(0.5)::c. q(L) :- c, total(L,1).", "q(L)", {"L": "images"})
    for length in (1, 2):
        made.number(Structure((("L", length),)))
    family = made.family(3)
    assert len(list(family.parameters())) == 1
    assert next(iter(made.learnable.parameters())) is next(iter(family.parameters()))


def test_classes_that_a_network_lacks_are_refused():
    family, examples = formulas()
    foreign = Examples(examples.slots, examples.answer, examples.structure, known=torch.tensor([[0, -1, -1]]))
    with pytest.raises(DataError, match="1 images have classes that the network net, which reads them, does not have"):
        family.check_known(foreign)


def test_an_image_certainly_of_another_kind_is_impossible_not_undefined():
    family, examples = formulas()
    certain = torch.nn.functional.one_hot(torch.tensor([0, 0, 4]), 5).float().log().requires_grad_()
    loss = family.loss(certain, examples)
    assert loss.item() > 1e20
    assert torch.autograd.grad(loss, certain)[0].isfinite().all()


def test_networks_that_read_several_images_or_share_one_are_refused():
    with pytest.raises(ProgramError, match="close/2 reads 2 images at once"):
        structures("nn(net,[X,Y]) :: close(X,Y).", "close(A,B)", dict.fromkeys("AB", "image"), {"net": [0, 1]})
    both = DIGIT + "nn(other,[X],Y,[0,1,2]) :: again(X,Y). p(A) :- digit(A,1), again(A,1)."
    made = structures(both, "p(A)", {"A": "image"}, {"net": [0, 1, 2], "other": [0, 1, 2]})
    with pytest.raises(ProgramError, match="the networks net and other both read A"):
        made.number(Structure())


def test_half_precision_with_several_structures():
    family, examples = lists_of_digits()
    values = family.log_probability(log_probs(6).half(), examples)
    torch.testing.assert_close(values, family.log_probability(log_probs(6), examples).float(), atol=5e-3, rtol=0)


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_precision_with_networks_of_a_part_of_the_classes(half):
    family, examples = formulas()
    narrow = torch.cat([log_probs(2, 5), torch.tensor([[0.0, 0.0, -torch.inf, -torch.inf, -torch.inf]])]).to(half)
    wide = narrow.float()
    for name in ("loss", "log_probability"):
        actual, expected = (getattr(family, name)(given, examples) for given in (narrow, wide))
        assert actual.dtype == torch.float32
        torch.testing.assert_close(actual, expected, rtol=0, atol=0)
    leaf = narrow.clone().requires_grad_()
    assert torch.autograd.grad(family.loss(leaf, examples), leaf)[0].isfinite().all()


def asked(made, images):
    """The queries that take so many images."""
    return [constraint.template.text for constraint in made.family(3).taking(images)]


def test_every_query_that_takes_the_images_is_asked_by_its_own_text():
    made = structures(TOTAL, "total([A],T)", {"A": "image", "T": "constant"})
    for total in (2, 0):
        made.number(Structure(constants=(("T", str(total)),)))
    p = log_probs(1).exp()[0]
    for text, total in (("total([A],2)", 2), ("total([A],0)", 0)):
        asked = made.family(3).ask(log_probs(1))[text]
        assert asked.probabilities == {(): pytest.approx(p[total].item())}
        assert asked.readings == {(): ([total], [pytest.approx(1.0)])}
    assert made.family(3).ask(log_probs(2)) == {}


def test_every_answer_is_asked_for_what_the_images_are_if_it_holds():
    """The first of two digits, given their total, has the share of its classes in the total's probability."""
    made = structures(TOTAL, "total(L,T)", {"L": "images", "T": "label"})
    made.number(Structure((("L", 2),)))
    p = log_probs(2).exp()
    (asked,) = made.family(3).ask(log_probs(2)).values()
    for total in range(5):
        joint = {(a, total - a): float(p[0, a] * p[1, total - a]) for a in range(3) if 0 <= total - a < 3}
        best = max(joint, key=joint.get)
        assert asked.probabilities[(str(total),)] == pytest.approx(sum(joint.values()))
        classes, posterior = asked.readings[(str(total),)]
        assert classes == list(best)
        assert posterior == pytest.approx([joint[best] / sum(joint.values())] * 2), "one class tells the other"


def test_of_many_answers_the_most_probable_possible_ones_are_read():
    """Two images that are certainly a 2 add up to 4 and to nothing else; of nine totals of four images five are read."""
    made = structures(TOTAL, "total(L,T)", {"L": "images", "T": "label"})
    made.number(Structure((("L", 2),)))
    made.number(Structure((("L", 4),)))
    certain = torch.tensor([[0.0, 0.0, 1.0]] * 2).log()
    (asked,) = made.family(3).ask(certain).values()
    assert asked.readings == {("4",): ([2, 2], [1.0, 1.0])}
    (asked,) = made.family(3).ask(log_probs(4)).values()
    likeliest = sorted(asked.probabilities, key=asked.probabilities.get, reverse=True)[:5]
    assert len(asked.probabilities) == 9 and list(asked.readings) == likeliest


def test_images_are_read_with_the_query_in_every_structure():
    """The pairs 3 = 1 + 2 or 2 + 1, and 1 = 0 + 1 or 1 + 0; the list of three with total 6 can be 2, 2, 2 alone."""
    family, examples = lists_of_digits()
    p, found = log_probs(6).exp(), family.read(log_probs(6), examples)
    for row, (first, second), pairs in ((0, (0, 1), [(1, 2), (2, 1)]), (2, (5, 1), [(0, 1), (1, 0)])):
        joint = torch.stack([p[first, a] * p[second, b] for a, b in pairs])
        assert found.classes[row].tolist() == [*pairs[int(joint.argmax())], -1]
        shares = joint / joint.sum()
        for (a, b), share in zip(pairs, shares, strict=True):
            assert found.posterior[row, 0, a] == pytest.approx(float(share))
            assert found.posterior[row, 1, b] == pytest.approx(float(share))
    assert found.classes[1].tolist() == [2, 2, 2]
    torch.testing.assert_close(found.posterior[1, :, 2], torch.ones(3, dtype=torch.float64))


def test_readings_are_the_classifiers_classes_not_the_networks():
    """1 + 2 = 3 or 2 + 1 = 3; the classifier counts two operators before the digits."""
    family, examples = formulas()
    p, found = log_probs(3, 5).exp(), family.read(log_probs(3, 5), examples)
    joint = torch.stack([p[0, 3] * p[2, 4], p[0, 4] * p[2, 3]])
    assert found.classes.tolist() == [[[3, 0, 4], [4, 0, 3]][int(joint.argmax())]]
    expected = torch.zeros(3, 5, dtype=torch.float64)
    expected[1, 0] = 1
    expected[0, 3], expected[0, 4] = joint / joint.sum()
    expected[2, 4], expected[2, 3] = joint / joint.sum()
    torch.testing.assert_close(found.posterior[0], expected)


def test_what_a_query_does_not_look_at_is_read_by_the_classifier_and_what_cannot_hold_by_nobody():
    text = DIGIT + "nn(op,[X],Y,[plus,times]) :: operator(X,Y). zero(A,O) :- digit(A,0)."
    classes = {"op": [0, 1], "net": [2, 3, 4]}
    made = structures(text, "zero(A,O)", dict.fromkeys("AO", "image"), classes)
    number = torch.tensor([made.number(Structure())] * 2)
    examples = Examples(torch.tensor([[0, 1], [2, 1]]), torch.zeros(2, dtype=torch.long), number)
    given = log_probs(3, 5)
    given[2] = torch.tensor([0.0, 0.0, 0.0, 1.0, 0.0]).log()  # certainly a 1
    found = made.family(5).read(given, examples)
    assert found.classes.tolist() == [[2, int(given[1].argmax())], [-1, -1]]
    torch.testing.assert_close(found.posterior[0, 1], given[1].exp())
    assert found.posterior[1].isnan().all()


def test_a_network_that_draws_twice_says_no_class():
    made = structures(
        DIGIT + "nn(net,[X],Y,[0,1,2]) :: again(X,Y). both(A) :- digit(A,1), again(A,1).", "both(A)", {"A": "image"}
    )
    made.number(Structure())
    assert made.family(3).why_not_read() == "the network net makes several choices for A, and each may be another class"
    p = log_probs(1).exp()[0, 1]
    asked = made.family(3).ask(log_probs(1))["both(A)"]
    assert asked.probabilities == {(): pytest.approx(float(p * p))} and asked.readings == {}


def test_an_image_of_two_slots_has_one_class():
    """The two images of three slots are of one class, the most probable for both together."""
    made = structures(SAME, "same(A,B,C)", dict.fromkeys("ABC", "image"))
    shared = Structure(first=(0, 1, 0))
    examples = Examples(torch.tensor([[0, 1]]), torch.tensor([0]), torch.tensor([made.number(shared)]))
    p, found = log_probs(2).exp(), made.family(3).read(log_probs(2), examples)
    shares = p[0] * p[1] / (p[0] * p[1]).sum()
    assert found.classes.tolist() == [[int(shares.argmax())] * 2]
    torch.testing.assert_close(found.posterior[0], shares.expand(2, -1))


def test_an_image_that_is_certainly_of_another_kind_is_not_read():
    """A digit network reads what is certainly an operator."""
    family, examples = formulas()
    given = log_probs(3, 5)
    given[0] = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0]).log()
    found = family.read(given, examples)
    assert found.classes.tolist() == [[-1, -1, -1]] and found.posterior.isnan().all()


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_precision_is_read_in_full(half):
    """Also of images that no network reads."""
    family, examples = lists_of_digits()
    found, wide = family.read(log_probs(6).to(half), examples), family.read(log_probs(6).to(half).float(), examples)
    assert found.posterior.dtype == torch.float32
    assert torch.equal(found.classes, wide.classes) and torch.equal(found.posterior, wide.posterior)


def test_lists_of_other_lengths_with_as_many_images_are_other_queries():
    made = structures(TOTAL + " p(L,M) :- total(L,T), total(M,T).", "p(L,M)", {"L": "images", "M": "images"})
    for first in (1, 2):
        made.number(Structure((("L", first), ("M", 3 - first))))
    assert asked(made, 3) == ["p([L_1],[M_1, M_2])", "p([L_1, L_2],[M_1])"]


def test_a_query_of_one_image_in_two_slots_is_asked_where_nothing_else_takes_as_many():
    made = structures(TOTAL, "total(L,T)", {"L": "images", "T": "label"})
    made.number(Structure((("L", 3),), first=(0, 1, 0)))
    assert asked(made, 2) == ["total([L_1, L_2, L_1],T)"]
    made.number(Structure((("L", 2),)))
    assert asked(made, 2) == ["total([L_1, L_2],T)"]
