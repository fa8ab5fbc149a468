"""Numbers, formulas and references as the pages print them."""

from __future__ import annotations

import math

import pytest

from generator.methods import registry
from generator.names import Paper
from generator.pages import bibtex, numbers, prose


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (4.8149, "4.81"), (-0.00005, "−5.00e−5"), (1234.5, "1,235"), (0.001, "0.001"), (123456.0, "1.23e5"),
     (math.inf, "∞"), (-math.inf, "−∞"), (math.nan, "not a number"), (999.6, "1,000")],
)  # fmt: skip
def test_raw(value: float, text: str):
    assert numbers.raw(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(980, "980"), (75264, "75.3 k"), (999_600, "1 M"), (14_751_744, "14.8 M"), (4.1e9, "4.1 G")]
)
def test_short(value: float, text: str):
    assert numbers.short(value) == text


def test_percent_size_seconds():
    assert numbers.percent(0.3774) == "37.7\u202f%"
    assert numbers.percent(0.0004) == "<\u202f0.1\u202f%"
    assert numbers.size(12_345_678) == "12.3 MB"
    assert numbers.seconds(75.2) == "1 min 15 s"
    assert numbers.seconds(0.0002) == "<\u202f0.01 s"
    assert numbers.seconds(0.25) == "0.25 s"
    assert numbers.seconds(41.27) == "41.3 s"
    assert numbers.seconds(119.8) == "2 min 0 s"
    assert numbers.times(672, 14, 14) == "672 × 14 × 14"


def test_compact():
    assert numbers.compact(0.123456789) == 0.12346
    assert numbers.compact(3.0) == 3
    assert numbers.compact(math.nan) is None


def test_formulas_become_mathml_and_markdown_does_not_touch_them():
    made = prose.to_html("Bright places raise $y_c$ and *not* $a_b * c_d$.\n\n$$ x = \\mathrm{ReLU}(y) $$\n\nEnd.")
    assert "\n" not in made
    assert made.count("<math") == 3
    assert "<em>not</em>" in made
    assert "<msub><mi>y</mi><mi>c</mi></msub>" in made
    assert "<mi>ReLU</mi>" in made
    assert '<annotation encoding="application/x-tex">a_b * c_d</annotation>' in made
    assert 'class="formula"' in made
    assert "<p><div" not in made
    assert "convatlasformula" not in made


def test_arg_max_and_unknown_commands():
    made = prose.mathml(r"\arg\max_x f(x)")
    assert "<munder><mrow><mi>arg</mi>" in made
    assert "<mi>max</mi>" in made
    with pytest.raises(ValueError, match=r"unknown command \\nosuch"):
        prose.mathml(r"\nosuch x")


def test_long_formulas_break_at_quads_outside_braces():
    long = r"a = \frac{b \quad c}{d} + \left( e \quad f \right), \quad g = h, \qquad i = " + "j" * 80
    assert prose.lines(long) == [
        r"a = \frac{b \quad c}{d} + \left( e \quad f \right),",
        r"g = h, \qquad i = " + "j" * 80,
    ]
    assert prose.lines(r"a, \quad b") == [r"a, \quad b"]


def test_every_method_of_ours_reads_well():
    for name, info in registry().items():
        made = prose.to_html(info.doc)
        assert "<math" in made, name
        assert "$" not in made.replace("application/x-tex", ""), name


def test_many_formulas_keep_their_places():
    made = prose.to_html(" ".join(f"$x_{{{k}}}$" for k in range(12)))
    assert [made.index(f">x_{{{k}}}<") for k in range(12)] == sorted(made.index(f">x_{{{k}}}<") for k in range(12))


def test_authors_in_either_form():
    assert bibtex.authors(Paper("a", "Ada B. Lu, Bo Ng and Cy Li", 2016, "T")) == ("Ada B. Lu", "Bo Ng", "Cy Li")
    assert bibtex.authors(Paper("a", "Ada Lu, Bo Ng", 2016, "T")) == ("Ada Lu", "Bo Ng")
    assert bibtex.authors(Paper("a", "Lu, Ada B. and Ng, Bo", 2016, "T")) == ("Lu, Ada B.", "Ng, Bo")
    assert bibtex.short(Paper("a", "Ada B. Lu, Bo Ng, and Cy Li", 2016, "T")) == "Lu et al. 2016"
    assert bibtex.short(Paper("a", "Lu, Ada B. and Ng, Bo", 2016, "T")) == "Lu and Ng 2016"
    assert bibtex.short(Paper("a", "Ada Lu", 2016, "T")) == "Lu 2016"
    assert bibtex.entry(Paper("a", "Ada Lu, Bo Ng", 2016, "T", arxiv="1.2")).startswith(
        "@misc{a,\n  author        = {Ada Lu and Bo Ng},"
    )


def test_bibtex():
    paper = Paper("lu2017", "Lu, A. and Ng, B.", 2017, "Grad & CAM", "ICCV", arxiv="1610.02391")
    assert bibtex.entry(paper).splitlines() == [
        "@inproceedings{lu2017,",
        "  author        = {Lu, A. and Ng, B.},",
        "  title         = {{Grad \\& CAM}},",
        "  year          = {2017},",
        "  booktitle     = {ICCV},",
        "  eprint        = {1610.02391},",
        "  archiveprefix = {arXiv}",
        "}",
    ]
    assert bibtex.address(paper) == "https://arxiv.org/abs/1610.02391"
    assert bibtex.address(Paper("x", "X", 2000, "T", url="javascript:alert(1)")) == ""


def test_a_sum_breaks_before_its_signs_and_never_within_brackets():
    assert prose.terms(r"f = (1 - x)^2 + 100\,(y - x^2)^2 - e^{a + b}") == [
        "f = (1 - x)^2",
        r"{} + 100\,(y - x^2)^2",
        "{} - e^{a + b}",
    ]
    assert prose.terms("x") == ["x"]
    made = prose.mathml(prose.terms("x - y")[1])
    assert made.index("<mrow />") < made.index("&#x02212;"), (
        "the sign has something before it, and so the room of one between two"
    )
