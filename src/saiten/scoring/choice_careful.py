r"""The choice letter that an answer states, as a careful person would read it.

The rule, in the order in which it is applied:

1. Statements. "answer" or 答え/回答/解答/正答/正解 (also "correct option", 正しい選択肢, `\boxed{…}`) linked by "is",
   は, a colon or the like to one letter. The last statement counts. Letters may be full-width, in brackets, quotes,
   bold, LaTeX or tags; lower case only where nothing else can be meant ("(b)", "answer: b" at the end of a line).
2. Failing those: "B is correct", "I choose B", Bが正しい, したがってB, if all such remarks name the same letter.
3. Failing those: a last line or a beginning that is nothing but the letter, or the one option that the text quotes
   ("B. Paris").

What does not count: the pronoun I and the article A ("The answer is I think …", "Answer: A good question"); letters
of words and names (DNA, B細胞, C++, vitamin-C); negations and conditions ("not B", Bではない, "if the answer is B",
Bなら); questions. What leaves the text without an answer: a statement of several letters ("B or C"), statements on
successive lines that differ, or a stated letter that is none of the choices.

Differs: from the compatible reading by intent; the share of documents where they differ is reported.
"""

from __future__ import annotations

import re
import unicodedata

from msgspec import Struct

from saiten.scoring.choice_compatible import LETTERS

_WINDOW = 240
"""Characters read from the word that begins a statement."""
_PLACES = 400
"""How many such words are looked at, from the end; nobody reads on."""
_TAIL = 4000
"""Where weaker remarks are looked for. A longer text that states nothing is no lone letter either."""

_OPEN = (
    r"(?:[\s*_`\"'“”‘’「『【《〈<>(\[{$]|\\(?:boxed|fbox|text(?:bf|rm|it|tt)?|math(?:bf|rm|it|sf|tt)|left|[(\[,;!]))*+"
)
_CLOSE = r"(?:[*_`\"'“”‘’」』】》〉>)\]}$]|\\(?:right|[)\],;!]))*+"
_LETTER = re.compile(rf"(?P<open>{_OPEN})(?<![A-Za-z0-9])(?P<letter>[A-Za-z])(?![A-Za-z0-9])(?P<close>{_CLOSE})")
_BRACKETED = re.compile(
    r"(?:[(「『【\[]|\\boxed\{(?:\\text\{)?\(?)(?P<letter>[A-Z])(?:[)」』】\]]|\)?\}\}?|[.:)] ?[^()\n]{0,40}\))"
)
_LINE_END = re.compile(r"[.,;:!。、]*[*_`$]*[ \t]*(?:\n|$|</|<\|)")

_ENGLISH_LINK = re.compile(
    r"(?:answer|(?:option|choice|alternative|selection))(?![a-z])[*_\"'`]*"
    r"(?:\s+(?:choice|option|letter|key)(?![a-z]))?[*_\"'`]*"
    r"(?:\s*[:=>]|\s*[–-]{1,2}>?\s|\s*[→⇒]"
    r"|[^.!?\n:=]{0,80}?(?<![a-z])(?:is|was|be|remains)(?![a-z])|[#*_ ]*\n|\s+(?=\W{0,3}[A-Z]\W{0,3}(?:\n|$)))"
    r"(?P<rest>[\s:]*(?:(?:therefore|thus|hence|clearly|simply|definitely|most likely|likely|probably|option|choice"
    r"|letter|answer|alternative|the|indeed|actually|correct|is)(?![a-z])[\s:,]*)*)",
    re.IGNORECASE,
)
_ENGLISH_QUALIFIED = re.compile(
    r"(?:correct|right|best|final|my|our|appropriate|suitable|closest|nearest|likely|accurate|valid|answer)[*_ ]+$",
    re.IGNORECASE,
)
_ENGLISH_CONDITION = re.compile(
    r"\b(?:if|suppose|supposing|assum\w+|whether|unless|incorrect|wrong|not the(?: \w+)?|isn't the)\b[^.!?\n]{0,30}$",
    re.IGNORECASE,
)
_ENGLISH_NEGATION = re.compile(r"\b(?:not|neither|nor|incorrect|wrong|cannot|except)\b|n't\b", re.IGNORECASE)
_ARTICLE_MAY_PRECEDE = re.compile(
    r"[ \t]+(?!(?:because|since|as|and|with|which|for|is|was|but|due|based|given|by)\b)[A-Za-z]"
)
_SEVERAL = re.compile(
    r"\s*(?:[,/&+、・]|and\b|or\b|または|又は|もしくは|あるいは|および|及び|と|か)\s*(?:(?:option|choice|選択肢)\s*)?"
    rf"{_OPEN}(?P<other>[A-Z])(?![A-Za-z0-9]){_CLOSE}"
    r"(?=\s*(?:$|\n|[,/&.;!?。、]|and\b|or\b|are\b|both\b|の|です|だ|と|が|は))"
)
_GLUED = re.compile(r"[-+#^_/~\\]\w|\+\+|#|\s*=|\s*[+*^]\s*\w|\.[A-Za-z]\.|\s*[?？]")

_JAPANESE_LINK = re.compile(
    r"(?:答(?:え|案)?|正解|結論|(?:選択肢|もの|の|記述|組み?合わせ))(?:の(?:選択肢|記号|番号|アルファベット))?[*_」』】\]\"'`]*\s*"
    r"(?:は|が|[:;]|=|→|⇒|->|として(?:は)?|\n)"
    r"(?P<rest>(?:[、,\s*:]|選択肢は?|記号|番号|次の|明らかに|やはり|したがって|よって|おそらく|以下の(?:通り|とおり)(?:です)?。?)*)"
)
_JAPANESE_CONDITION = re.compile(r"(?:不|誤|もし[^。\n]{0,12}|仮に[^。\n]{0,12})$")
_JAPANESE_QUALIFIED = re.compile(r"(?:正しい|適切な|妥当な|ふさわしい|当てはまる|該当する|正解の)$")
_IS_JAPANESE = re.compile(r"[぀-ヿ一-鿿]")
_JAPANESE_AFTER = re.compile(
    r"(?:です(?!か)|だ(?!け|と(?:する|すれ|し))|で(?:あ[るりっ]|し[たょ]|、|。|正|決|間違)|が(?:正|適|最|答|妥|該|ふさ|解)"
    r"|と(?:な|い|考|思|判|結|言|推|分|わ)|に(?:な|該|当|決|相)|を(?:選|答)|は(?:正|適|最)|の(?:[「『\"(]|選)|ということ|、|。)"
)
_JAPANESE_NOT = re.compile(r"(?:では|じゃ)(?P<but>なく[、,\s]*)?")

_SENTENCE_END = {"english": re.compile(r"[.!?\n]"), "japanese": re.compile(r"[。\n]")}
_CLAUSE_FINAL = re.compile(
    r"(?<![A-Za-z0-9])(?P<letter>[A-Z])(?=(?:です|だ|である|となり|になり|と考え)(?!か)|[*」)]*\s*$)"
)

_REMARKS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    # words of which one must occur, pattern
    (
        ("correct", "right", "best", "appropriate", "accurate"),
        re.compile(
            r"(?<![A-Za-z0-9])(?P<letter>[A-Z])[)*]{0,3}(?![A-Za-z0-9])[^.\n]{0,40}?\s(?:is|seems|must be) (?:the )?"
            r"(?:only |most )?(?:correct|right|best|appropriate|accurate)(?: answer| option| choice)?(?![a-z])"
        ),
    ),
    (
        ("choose", "select", "pick", "go with", "opt for"),
        re.compile(
            r"(?:I|[Ww]e)(?:'ll| will| would|'d)? (?:choose|select|pick|go with|opt for) (?:option |choice |answer )?"
            r"[(*]{0,3}(?P<letter>[A-Z])(?![A-Za-z0-9'])"
        ),
    ),
    (
        ("正解", "正しい", "適切", "妥当", "ふさわしい", "適当"),
        re.compile(
            r"(?<![A-Za-z0-9])(?P<letter>[A-Z])[」)*]{0,3}(?:が|は)(?:最も|最|一番)?"
            r"(?:正解|正しい|適切|妥当|ふさわしい|適当)(?!とは|では|か|でな|じゃ)"
        ),
    ),
    (("を選",), re.compile(r"(?<![A-Za-z0-9])(?P<letter>[A-Z])[」)*]{0,3}を選(?:択|び|ぶ|ん)")),
    (
        ("したがって", "従って", "よって", "ゆえに", "以上より", "Therefore", "Thus", "So", "Hence"),
        re.compile(
            r"(?:したがって|従って|よって|ゆえに|以上より|Therefore|Thus|So|Hence)[、,]?\s?"
            r"(?:選択肢|option |choice )?[「(*]{0,3}(?P<letter>[A-Z])[」)*]{0,3}"
            r"(?=です|だ|。|となり|が正|\.?[ ]?(?:\n|$))"
        ),
    ),
)
_OPTION_LINE = re.compile(r"^[ \t>*_#(-]{0,12}(?P<letter>[A-Z])[*_]{0,4}(?:[.):]|[ \t]{1,4}[-–:]|$)", re.MULTILINE)
_LONE_LINE = re.compile(rf"{_OPEN}(?P<letter>[A-Za-z]){_CLOSE}[.。]?{_CLOSE}\s*(?:<\|\w+\|>|</s>)?$")
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff]")


class _Statement(Struct, frozen=True):
    """What a statement names: a letter, or None where it names several or none of the choices."""

    letter: str | None
    end: int
    """Where it ends, counted in the settled window that it was read from."""


def stated_letter(text: str, choices: int) -> str | None:
    """Return the letter that `text` states as its answer, or None. `choices`: how many letters, 1 to 26."""
    if text.isspace() or not text:
        return None
    allowed = LETTERS[:choices]
    found = _last_statement(text)
    if found is not None:
        at, statement = found
        letter = statement.letter
        if letter is not None and _line_before_differs(text, at, letter):
            return None
    else:
        tail = _settled(text[-_TAIL:])
        letter = _remarked(tail, allowed) or (_lone(tail) if len(text) <= _TAIL else None)
    return letter if letter is not None and letter in allowed else None


def _settled(text: str) -> str:
    """Return the text with full-width forms as ASCII and without invisible characters."""
    return text if text.isascii() else _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))


_ASCII_WORDS = ("answer", "option", "choice", "alternative", "selection", r"\boxed")
_WORDS = (*_ASCII_WORDS, "答", "正解", "結論", "選択肢は", "ものは", "のは")
_NEED_QUALIFIER = frozenset({"option", "choice", "alternative", "selection", "選択肢は", "ものは", "のは"})
_LINK = {"english": _ENGLISH_LINK, "japanese": _JAPANESE_LINK}
_CONDITION = {"english": _ENGLISH_CONDITION, "japanese": _JAPANESE_CONDITION}
_QUALIFIED = {"english": _ENGLISH_QUALIFIED, "japanese": _JAPANESE_QUALIFIED}


def _last_statement(text: str) -> tuple[int, _Statement] | None:
    """Return where the last statement begins, and what it names."""
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = text
    words = _ASCII_WORDS if lowered.isascii() else _WORDS
    places = {word: at for word in words if (at := lowered.rfind(word)) >= 0}
    for _ in range(_PLACES):
        if not places:
            return None
        word = max(places, key=places.__getitem__)
        at = places[word]
        if statement := _statement(text, at, word):
            return at, statement
        places[word] = lowered.rfind(word, 0, at)
        if places[word] < 0:
            del places[word]
    return None


def _statement(text: str, at: int, word: str) -> _Statement | None:
    """Read the statement that begins with `word` at `at`; None if it is none."""
    window = _settled(text[at : at + _WINDOW])
    if word == r"\boxed":
        return _named(window, 0)
    before = _settled(text[max(0, at - 60) : at])
    language = "english" if word.isascii() else "japanese"
    link = _LINK[language].match(window)
    if not link or _CONDITION[language].search(before):
        return None
    if word in _NEED_QUALIFIER and not _QUALIFIED[language].search(before):
        return None
    part_of_word = language == "english" and before[-1:].isalpha() and before[-1:].isascii()
    return None if part_of_word else _linked(window, link.end("rest"), language)


def _linked(window: str, at: int, language: str) -> _Statement | None:
    """Read the letter right after the link, or one in brackets, or one that ends the clause, in the same sentence."""
    if statement := _named(window, at):
        return statement
    stop = _SENTENCE_END[language].search(window, at)
    clause = window[at : min(at + 90, stop.start() if stop else len(window))]
    if _ENGLISH_NEGATION.search(clause):
        return None
    if match := _BRACKETED.search(clause):
        return _Statement(match["letter"], at + match.end())
    if language == "japanese" and (match := _CLAUSE_FINAL.search(clause)):
        return _Statement(match["letter"], at + match.end())
    return None


def _named(window: str, at: int) -> _Statement | None:
    """Read one letter at `at`; None if what stands there is no letter that names a choice."""
    match = _LETTER.match(window, at)
    if not match:
        return None
    letter, opened, closed, rest = match["letter"], match["open"], match["close"], window[match.end() :]
    enclosed = ("*" in opened and "*" in closed) or bool(opened.strip("\n\t *_") and closed.strip("*_'"))
    if negated := _JAPANESE_NOT.match(rest):
        return _named(window, match.end() + negated.end()) if negated["but"] else None
    if letter.islower():
        alone = enclosed or (letter != "i" and _LINE_END.match(rest))
        return _Statement(letter.upper(), match.end()) if alone else None
    if _is_part_of_something(letter, closed, rest, enclosed=enclosed):
        return None
    several = _SEVERAL.match(rest)
    if several and several["other"] != letter:
        return _Statement(None, match.end() + several.end())
    return _Statement(letter, match.end())


def _is_part_of_something(letter: str, closed: str, rest: str, *, enclosed: bool) -> bool:
    """Return whether the capital belongs to a word, a formula or a sentence: B細胞, C++, "I think", "A cat"."""
    if _GLUED.match(rest):
        return True
    if rest[:1].isascii() and rest[:1].isalnum() and not closed.strip("'\"’”"):
        return True
    if not closed and _IS_JAPANESE.match(rest) and not _JAPANESE_AFTER.match(rest) and not _SEVERAL.match(rest):
        return True
    delimited = enclosed or bool(closed.strip("*_`'\""))
    return letter in "AI" and not delimited and bool(_ARTICLE_MAY_PRECEDE.match(rest))


def _line_before_differs(text: str, at: int, letter: str) -> bool:
    """Return whether the line before the statement's is nothing but a statement of another letter."""
    start = text.rfind("\n", 0, at)
    if start < 0:
        return False
    line = text[max(0, start - 80) : start].rstrip().rpartition("\n")[2]
    found = _last_statement(line) if len(line) < 60 else None
    if found is None:
        return False
    place, statement = found
    nothing_else = place <= 15 and len(_settled(line[place:])) - statement.end <= 3
    return nothing_else and statement.letter != letter


def _remarked(text: str, allowed: str) -> str | None:
    """Return the letter that all weaker remarks name."""
    letters = {
        match["letter"]
        for words, pattern in _REMARKS
        if any(word in text for word in words)
        for match in pattern.finditer(text)
    }
    return letters.pop() if len(letters) == 1 and letters <= set(allowed) else None


def _lone(text: str) -> str | None:
    """Return the letter of a last line that is nothing else, or of the only option that the text quotes at an end."""
    text = text.strip()
    rest, _, last = text.rpartition("\n")
    if match := _LONE_LINE.fullmatch(last.strip()):
        before = _LONE_LINE.fullmatch(rest.rstrip().rpartition("\n")[2].strip())
        letter = match["letter"].upper()
        return None if before and before["letter"].upper() != letter else letter
    match = _OPTION_LINE.match(text) or _OPTION_LINE.match(last)
    if match and {other["letter"] for other in _OPTION_LINE.finditer(text)} == {match["letter"]}:
        return match["letter"]
    return None
