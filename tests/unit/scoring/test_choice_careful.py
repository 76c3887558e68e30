"""What a careful person reads as the stated choice."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.scoring.choice_careful import stated_letter
from saiten.scoring.choice_compatible import LETTERS

STATED = [
    ("Answer: B\n\nNote that A is a common distractor.", "B"),
    ("Answer: A\nHope this helps! Cheers", "A"),
    ("Answer: A) Because B is wrong", "A"),
    ("Answer: (C)", "C"),
    ("Answer: $C$", "C"),
    ("**Answer: D**", "D"),
    ("**Answer:** D", "D"),
    ("Answer:A", "A"),
    ("ANSWER: C", "C"),
    ("answer: b", "B"),
    ("Answer: (b)", "B"),
    ("Answer: Ⓑ", "B"),
    ("Answer: Paris (B)", "B"),
    ("Answer: B is the right one", "B"),
    ("Answer: B. Wait, actually the answer is C.", "C"),
    ("The answer is A because it fits.", "A"),
    ("The answer is D.", "D"),
    ("The answer is\n\n**B**", "B"),
    ("The answer is: B. Photosynthesis, A is wrong", "B"),
    (r"The answer is $\boxed{\text{(A)}}$.", "A"),
    (r"\boxed{\text{B}}", "B"),
    ("The answer is (B).\n\nQuestion:\nWhich?\nOptions: A. x\nB. y", "B"),
    ("The final answer is B\nand more text with A", "B"),
    ("Final Answer: The final answer is (D). I hope it is correct.", "D"),
    ("### Answer\nB", "B"),
    ("<answer>B</answer>", "B"),
    ('{"answer": "C"}', "C"),
    ("The correct option is (C).", "C"),
    ("The closest option is (C), 450 m.", "C"),
    ("The best choice is option D because the others fail", "D"),
    ("The answer to this question, all considered, is B", "B"),
    ("Therefore, B.", "B"),
    ("B is correct. A is wrong", "B"),
    ("I would choose C.", "C"),
    ("The sum is 4, so (D) fails. The answer is (G).\n\nAnswer: A", "A"),
    ("B", "B"),
    ("(B)", "B"),
    ("B. Paris", "B"),
    ("B. Paris\n\nBecause it is the capital.", "B"),
    ("Paris is the capital of France.\n\n**B**", "B"),
    ("回答: A", "A"),
    ("回答： Ａ", "A"),
    ("回答：（Ｂ）", "B"),
    ("回答: Aです。\n\nしたがってBは誤り。", "A"),
    ("回答: DNAなのでA", "A"),
    ("回答:\nC", "C"),
    ("回答: **B**", "B"),
    ("回答は「B」です", "B"),
    ("回答: B。", "B"),
    ("回答: 選択肢はB", "B"),
    ("私の回答はC\u200b", "C"),
    ("答え: C", "C"),
    ("答えは、東京(B)です", "B"),
    ("答えはAだと思います", "A"),
    ("最終的な答えは「B. 東京」です", "B"),
    ("解答：Ｄ", "D"),
    ("正解はA", "A"),
    ("正解は選択肢Cです", "C"),
    ("正解はBではなく、Cです", "C"),
    ("正解：**C**\n解説：AはXである。", "C"),
    ("正しい選択肢はDです。", "D"),
    ("したがって、Cが正解です。", "C"),
    ("Bを選択します", "B"),
    ("選択肢Aは正しくない。選択肢Bが正しい。", "B"),
    ("結論: C", "C"),
]
NOT_STATED = [
    "",
    " \n",
    "I do not know.",
    "I think A is right. So it is (B)",
    "Answer: E",
    "Answer: C++",
    "The answer is B-cells",
    "The answer is I think B",
    "Answer: I don't know",
    "Answer: A good question",
    "A cat sat on the mat.",
    "Answer: B or C",
    "Answer: A, B",
    "Answer: B/C",
    "The answer is (A) and (B).",
    "Answer: A, B, C, or D",
    "Answer: B\nAnswer: C",
    "The answer is not B",
    "the incorrect answer is B",
    "If the answer is B then we lose",
    "Is the answer B?",
    "A) x\nB) y\nC) z",
    "Cheers, and Good Day",
    "回答: ア",
    "回答: B\n回答: C",
    "答え: B細胞",
    "答えはBではない",
    "答えがBなら",
    "答えはAとBです",
    "不正解はB",
    "ビタミンDは重要です。",
]


@pytest.mark.parametrize(("text", "expected"), STATED)
def test_a_stated_letter_is_read(text: str, expected: str) -> None:
    assert stated_letter(text, 4) == expected


@pytest.mark.parametrize("text", NOT_STATED)
def test_what_states_no_single_choice_is_no_answer(text: str) -> None:
    assert stated_letter(text, 4) is None


def test_the_ninth_of_ten_choices_is_no_pronoun_when_it_stands_alone() -> None:
    assert stated_letter("Answer: I", 10) == "I"
    assert stated_letter("The answer is (I).", 10) == "I"
    assert stated_letter("The answer is I believe unclear", 10) is None


def test_a_letter_beyond_the_choices_is_no_answer() -> None:
    assert stated_letter("Answer: E", 5) == "E"
    assert stated_letter("The answer is B. Answer: E", 4) is None


PIECES = st.sampled_from(
    [
        *(
            "answer",
            "Answer: ",
            "the correct option is ",
            "is",
            " not ",
            "回答: ",
            "答えは",
            "正解",
            "\\boxed{",
            "}",
            "(",
            ")",
        ),
        *(
            "A",
            "B",
            "I",
            "J",
            "ａ",
            "Ｂ",
            " ",
            "\n",
            "**",
            ".",
            "、",
            "です",
            "ではなく",
            "なら",
            " or ",
            "if ",
            "word ",
        ),
    ]
)


@given(st.lists(PIECES, max_size=20).map("".join) | st.text(), st.integers(2, 26))
def test_any_text_gives_one_of_the_letters_or_none(text: str, choices: int) -> None:
    letter = stated_letter(text, choices)
    assert letter is None or letter in LETTERS[:choices]


@given(
    st.sampled_from("ABCD"), st.sampled_from(["Answer: {}", "The answer is ({}).", "回答: {}", "正解は「{}」です。"])
)
def test_prose_before_a_statement_does_not_change_it(letter: str, statement: str) -> None:
    prose = "First, option A seems right, but B and D need a look. 選択肢Cは微妙です。\n\n"
    assert stated_letter(prose + statement.format(letter), 4) == letter


HOSTILE = ["answer" * 160_000, "答えは" * 330_000, "\n" * 1_000_000, "A) x\n" * 200_000, r"\boxed{" * 140_000]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_megabyte_is_read_in_time(text: str) -> None:
    start = time.process_time()
    stated_letter(text, 10)
    assert time.process_time() - start < 5
