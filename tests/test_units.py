"""Numbers: text to exact ints and back, and everything that is no number.

Needs no door: nothing of a session takes part.
"""

import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tapefold.units import (
    DIGITS_MAX,
    MEMO_MAX,
    SCALED_MAX,
    Scale,
    TooFine,
    TooLarge,
    column,
    decimals,
    exact,
    fixed,
    plain,
    scaled,
)

NO_NUMBERS = (
    "",
    ".",
    "1.",
    ".5",
    "-1",
    "+1",
    "-0",
    "1e3",
    "1E3",
    "nan",
    "Infinity",
    "0x1",
    " 1",
    "1 ",
    "1\n",
    "1_0",
    "1,0",
    "1.2.3",
    "1.2,3",
    "١",
    "1.٢",
    "１",
    "²",
    "\0",
    "9" * 200,
    "1." + "3" * 200,
    "1." + "0" * 200,
)
PLAIN = re.compile(r"[0-9]{1,60}(\.[0-9]{1,60})?", re.ASCII)
numbers = st.integers(0, SCALED_MAX - 1)
digits_of = st.integers(0, DIGITS_MAX)
texts = st.one_of(
    st.builds(plain, numbers, digits_of),
    st.builds("{}.{:08}".format, numbers, st.integers(0, 10**8 - 1)),
    st.text("01.,-", max_size=4),
)


@given(numbers, digits_of)
def test_a_scaled_int_survives_its_text(value: int, digits: int) -> None:
    assert scaled(plain(value, digits), digits) == value


@given(st.text("0123456789.", max_size=24), digits_of)
def test_scaled_is_what_decimal_says_or_an_error(text: str, digits: int) -> None:
    if not PLAIN.fullmatch(text):
        with pytest.raises(ValueError) as refused:  # noqa: PT011 - the text is the message
            scaled(text, digits)
        assert type(refused.value) in (ValueError, TooLarge)
    elif decimals(text) > digits:
        with pytest.raises(TooFine) as fine:
            scaled(text, digits)
        assert fine.value.digits == decimals(text)
    elif Decimal(text).scaleb(digits) >= SCALED_MAX:
        with pytest.raises(TooLarge):
            scaled(text, digits)
    else:
        assert Decimal(scaled(text, digits)).scaleb(-digits) == Decimal(text)


@given(numbers, digits_of, st.integers(0, 20), st.integers(0, 20))
def test_needless_zeros_change_nothing(value: int, digits: int, before: int, after: int) -> None:
    text = plain(value, digits)
    longer = "0" * before + text + ("" if "." in text else ".0") + "0" * after
    assert scaled(longer, digits) == value
    assert column([longer], digits) == [value]
    assert decimals(longer) == decimals(text)


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_is_refused_wherever_it_is_read(text: str) -> None:
    for digits in (0, 2, 8):
        with pytest.raises(ValueError):  # noqa: PT011 - any ValueError: the text is the message
            scaled(text, digits)
        with pytest.raises(ValueError):  # noqa: PT011 - as above
            Scale(digits)[text]
        for others in ([text], ["1.00", text], [text, "1.00"], ["1", text, "2"]):
            with pytest.raises(ValueError):  # noqa: PT011 - as above
                column(others, digits)
    with pytest.raises(ValueError):  # noqa: PT011 - as above
        exact(text)


@given(st.lists(texts, max_size=6), st.integers(0, 10))
@example(["1.00", "2.50", "3.00"], 1)
@example(["1.00", "2.55", "3.45"], 1)
@example(["1,2"], 0)
def test_a_column_is_its_numbers_one_by_one(rows: list[str], digits: int) -> None:
    assert read(lambda: column(rows, digits)) == read(lambda: [scaled(t, digits) for t in rows])


def read(call: Callable[[], list[int]]) -> object:
    """What a call gives, or how it is refused."""
    try:
        return call()
    except ValueError as error:
        return type(error), error.args


@pytest.mark.parametrize(
    ("text", "digits", "needs"),
    [("1.25", 1, 2), ("1.2500", 1, 2), ("0.00000001", 0, 8), ("0." + "0" * 28 + "1", 8, 29)],
)
def test_a_number_that_is_too_fine_says_how_many_digits_would_do(
    text: str, digits: int, needs: int
) -> None:
    for call in (lambda: scaled(text, digits), lambda: column([text], digits)):
        with pytest.raises(TooFine) as caught:
            call()
        assert caught.value.digits == needs
    assert plain(scaled(text, needs), needs) == text.rstrip("0")


@pytest.mark.parametrize("digits", [0, 1, 2, 8, 18, 30])
def test_two_to_the_sixty_third_is_the_first_that_is_too_large(digits: int) -> None:
    largest, first = plain(SCALED_MAX - 1, digits), plain(SCALED_MAX, digits)
    assert scaled(largest, digits) == SCALED_MAX - 1
    assert column([largest], digits) == [SCALED_MAX - 1]
    with pytest.raises(TooLarge):
        scaled(first, digits)
    with pytest.raises(TooLarge):
        column(["1", first], digits)


def test_a_scale_forgets_before_it_grows_without_end() -> None:
    prices = Scale(2)
    for number in range(MEMO_MAX + 10):
        assert prices[f"{number}.5"] == 100 * number + 50
    assert len(prices) <= MEMO_MAX
    with pytest.raises(TooFine):
        prices["1.001"]
    assert "1.001" not in prices


@given(st.decimals(0, 10**20, allow_nan=False, allow_infinity=False))
def test_an_account_number_has_one_form(number: Decimal) -> None:
    text = format(abs(number), "f")
    try:
        read = exact(text)
    except ValueError:
        assert not PLAIN.fullmatch(text) or len(text) > 30
        return
    assert read == abs(number)
    assert exact(fixed(read)).as_tuple() == read.as_tuple()
    longer = f"00{text}{'' if '.' in text else '.'}00"
    assert exact(longer).as_tuple() == read.as_tuple()


def test_an_account_number_never_leaves_with_an_exponent() -> None:
    assert fixed(exact("0.000000317")) == "0.000000317"
    assert fixed(exact("100000000000000000000")) == "100000000000000000000"


@pytest.mark.parametrize("text", ["1" * 39, "0." + "1" * 31, "1" * 20 + "." + "1" * 19])
def test_an_account_number_is_bounded(text: str) -> None:
    with pytest.raises(TooLarge):
        exact(text)
