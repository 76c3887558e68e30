"""Single answer grading: what a judge model is asked about an answer, and which rating its verdict states.

The answer stands between two marks that hold a nonce, a hash of the answer itself: no answer can contain the mark that
ends it, and what a judge repeats of it is told from the judge's own words.

Source: Zheng et al., arXiv:2306.05685, single answer grading with and without reference; how the old system reads a
rating: swallow-evaluation-instruct@3520211, japanese_mt_bench and english_mt_bench (first `[[n]]`, else first `[n]`).
Differs: nonce and marks; `careful_rating` reads what the judge states as its rating, on the scale, and only one.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from saiten.types import Document, JudgeTemplate, Message

PLACE = re.compile(r"\{([a-z]+(?:_[0-9])?)\}")
DOUBLE, SINGLE = re.compile(r"\[\[(\d+\.?\d*)\]\]"), re.compile(r"\[(\d+\.?\d*)\]")
STATED = re.compile(
    r"(?:rating|score|verdict|grade|評価|評点|採点|得点|スコア|点数)[^\S\n]*(?:[:：;]|は|is|=)?[^\S\n]*[*_`\"「]*"
    r"\[\[\s*(\d+(?:\.\d+)?)\s*\]\]",
    re.IGNORECASE,
)
ALONE = re.compile(r"^[^\S\n]*[*_`\"「]*\[\[\s*(\d+(?:\.\d+)?)\s*\]\][*_`\"」.。]*[^\S\n]*$", re.MULTILINE)
ENDING = re.compile(r"\[\[\s*(\d+(?:\.\d+)?)\s*\]\]\W*\Z")
LOWEST, HIGHEST = 1.0, 10.0
UNREADABLE = -1.0
"""The rating of a verdict that states none, as the old system has it."""


class NoLiteralError(ValueError):
    """A number with leading zeros: the old system stops with a SyntaxError."""


def compatible_rating(verdict: str) -> int | float:
    """Return the first `[[number]]` of a verdict, else its first `[number]`, else -1; any number, as it is written.

    Raises NoLiteralError for a number such as 08, which ends the old system's run.
    """
    match = DOUBLE.search(verdict) or SINGLE.search(verdict)
    if match is None:
        return int(UNREADABLE)
    try:
        number: int | float = ast.literal_eval(match[1])
    except (SyntaxError, ValueError) as error:
        raise NoLiteralError(match[1][:20]) from error
    return number


def careful_rating(verdict: str, nonce: str | None = None) -> float | None:
    """Return the rating from 1 to 10 that a verdict states, or None.

    Only what the judge itself says counts: what it repeats of the answer, marks included, is left out. A rating is
    stated by a word for it (`Rating: [[7]]`, 評価：[[7]]), or else stands alone in its line, or else ends the verdict.
    None where there is none, one off the scale, or several that differ.
    """
    own = without_quotation(verdict, nonce) if nonce else verdict
    found = {float(text) for text in (STATED.findall(own) or ALONE.findall(own) or ENDING.findall(own))}
    if len(found) != 1:
        return None
    (rating,) = found
    return rating if LOWEST <= rating <= HIGHEST else None


def without_quotation(verdict: str, nonce: str) -> str:
    """Leave out what stands between marks with the nonce: the judge repeats what it was given to judge."""
    if nonce not in verdict:
        return verdict
    return re.sub(rf"<answer[^>]*{nonce}[^>]*>.*?(?:</answer[^>]*{nonce}[^>]*>|\Z)", "", verdict, flags=re.DOTALL)


def nonce_of(document: Document, answers: Sequence[str]) -> str:
    """Return a word that no answer can hold: a hash of the answers and of what was asked."""
    text = "\0".join([document.id, *document.turns, *answers])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def render(
    templates: Mapping[str, JudgeTemplate], document: Document, answers: Sequence[str], references: Sequence[str] = ()
) -> tuple[Message, ...]:
    """Return the request about the last of `answers`, from the template `turn_1`, `turn_2_reference` and so on.

    `references`: reference answers by turn; none where the template without reference is to be used. A template
    without system text gives no system message. Braces in questions and answers mean nothing.
    """
    turn = len(answers)
    template = templates[f"turn_{turn}_reference" if references else f"turn_{turn}"]
    values = {"nonce": nonce_of(document, answers)}
    for number in range(turn):
        values[f"question_{number + 1}"] = document.turns[number]
        values[f"answer_{number + 1}"] = answers[number]
        values[f"reference_{number + 1}"] = references[number] if number < len(references) else ""

    def filled(text: str) -> str:
        return PLACE.sub(lambda match: values.get(match[1], match[0]), text)

    system = (Message(role="system", content=filled(template.system)),) if template.system else ()
    return (*system, Message(role="user", content=filled(template.user)))


def no_references(_document: Document) -> Sequence[str]:
    """Say that there are no reference answers."""
    return ()


class Judge(Struct, frozen=True, kw_only=True):
    """Grades each turn of an answer from 1 to 10 (`types.AnswerJudge`). Templates are plain values, to be exchanged."""

    templates: Mapping[str, JudgeTemplate]
    """`turn_1`, `turn_2`, and with reference answers `turn_1_reference`, `turn_2_reference`."""
    references: Callable[[Document], Sequence[str]] = no_references
    """A document's reference answers by turn; none where it is judged without."""
    model: str | None = None
    """The one judge model that the measurement is defined with; None: the run's."""

    def request(self, document: Document, answers: Sequence[str]) -> tuple[Message, ...]:
        """Return what the judge is sent about the last of the answers."""
        return render(self.templates, document, answers, self.references(document))

    def rating(self, document: Document, answers: Sequence[str], verdict: str) -> float | None:
        """Return the rating that a verdict states about these answers; None where it states none, or several."""
        return careful_rating(verdict, nonce_of(document, answers))
