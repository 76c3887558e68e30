"""Whether a text follows one of IFBench's instructions about words and sentences.

Source: Pyatkin et al., Generalizing Verifiable Instruction Following, arXiv:2507.02833, appendix; allenai/IFBench.
Written from the description of each instruction; where the data's checkers read more narrowly or widely than it, this
does so too. Differs: a verb is a word that a dictionary has as a form of a verb (the original asks a tagger), and stop
words are a list of our own of the same kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

from saiten.scoring import instructions_en_words as words
from saiten.scoring.instructions import Arguments, Instruction

CONJUNCTIONS = frozenset(("and", "but", "for", "nor", "or", "so", "yet"))
PRONOUNS = frozenset(
    """
    i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers
    herself it its itself they them their theirs themselves
    """.split()  # noqa: SIM905  a list of words
)
STOP_WORDS = PRONOUNS - {"mine", "us"} | frozenset(
    """
    a an the this that these those what which who whom am is are was were be been being have has had having do does did
    doing and but if or because as until while of at by for with about against between into through during before after
    above below to from up down in out on off over under again further then once here there when where why how all any
    both each few more most other some such no nor not only own same so than too very s t can will just don should now
    d ll m o re ve y ain aren couldn didn doesn hadn hasn haven isn ma mightn mustn needn shan shouldn wasn weren won
    wouldn
    """.split()  # noqa: SIM905  a list of words
)
NAMES = """
    Emma Liam Sophia Jackson Olivia Noah Ava Lucas Isabella Mason Mia Ethan Charlotte Alexander Amelia Benjamin Harper
    Leo Zoe Daniel Chloe Samuel Lily Matthew Grace Owen Abigail Gabriel Ella Jacob Scarlett Nathan Victoria Elijah Layla
    Nicholas Audrey David Hannah Christopher Penelope Thomas Nora Andrew Aria Joseph Claire Ryan Stella Jonathan
""".split()  # noqa: SIM905  a list of words
CONSONANTS = frozenset("bcdfghjklmnpqrstvwxyz")
PRIMES = frozenset(n for n in range(2, 100) if all(n % d for d in range(2, n)))
MARKS = frozenset(".,!?;:")


def word_count_range(text: str, arguments: Arguments) -> bool:
    """There are between so many and so many words."""
    return int(arguments["min_words"]) <= len(words.word_list(text)) <= int(arguments["max_words"])


def unique_word_count(text: str, arguments: Arguments) -> bool:
    """There are at least so many different words."""
    return len({words.trimmed(word) for word in text.lower().split()}) >= int(arguments["N"])


def stop_words(text: str, arguments: Arguments) -> bool:
    """No more than a percentage of the words are stop words. A text without words has none to count."""
    found = words.word_list(text)
    if not found:
        return False
    return 100 * sum(word.lower() in STOP_WORDS for word in found) / len(found) <= float(arguments["percentage"])


def sentence_type(text: str, _: Arguments) -> bool:
    """There are twice as many statements as questions."""
    ends = _ends(text)
    return ends["."] == 2 * ends["?"]


def sentence_balance(text: str, _: Arguments) -> bool:
    """There are as many statements as questions and as exclamations."""
    ends = _ends(text)
    return ends["."] == ends["?"] == ends["!"]


def _ends(text: str) -> Counter[str]:
    return Counter(sentence[-1] for sentence in words.sentences(text) if sentence)


def conjunctions(text: str, arguments: Arguments) -> bool:
    """There are at least so many different coordinating conjunctions (as written: `And` and `and` are two)."""
    found = {word for word in text.split() if words.trimmed(word).lower() in CONJUNCTIONS}
    return len(found) >= int(arguments["small_n"])


def person_names(text: str, arguments: Arguments) -> bool:
    """At least so many of fifty names are there."""
    return sum(name in text for name in NAMES) >= int(arguments["N"])


def overlap(text: str, arguments: Arguments) -> bool:
    """The share of the text's trigrams of characters that the reference text has is within 2 of a percentage."""
    mine, theirs = _trigrams(text), _trigrams(arguments["reference_text"])
    return bool(mine) and abs(100 * len(mine & theirs) / len(mine) - float(arguments["percentage"])) <= 2


def _trigrams(text: str) -> set[str]:
    return {text[place : place + 3] for place in range(len(text) - 2)}


def numbers(text: str, arguments: Arguments) -> bool:
    """There are exactly so many numbers; 1,000.5 is one."""
    return words.number_count(text) == int(arguments["N"])


def punctuation(text: str, _: Arguments) -> bool:
    """Every mark of . , ! ? ; : is there, and an interrobang besides."""
    for mark in ("?!", "!?", "‽"):
        if mark in text:
            return set(text.replace(mark, "", 1)) >= MARKS
    return False


def pronouns(text: str, arguments: Arguments) -> bool:
    """There are at least so many personal pronouns; she/her are two."""
    found = words.bare(text.replace("/", " ").lower())
    return sum(word in PRONOUNS for word in found) >= int(arguments["N"])


def keywords_multiple(text: str, arguments: Arguments) -> bool:
    """Five keywords are there once, twice, three, five and seven times."""
    times = {"keyword1": 1, "keyword2": 2, "keyword3": 3, "keyword4": 5, "keyword5": 7}
    return all(text.lower().count(arguments[name].strip().lower()) == number for name, number in times.items())


def words_japanese(text: str, arguments: Arguments) -> bool:
    """Every n-th word is in Japanese letters; numbers and bare marks pass."""
    every = int(arguments["N"])
    chosen = (words.trimmed(word) for word in text.split()[every - 1 :: every])
    return all(words.has_japanese(word) or word.isdigit() or not word for word in chosen)


def alphabet(text: str, _: Arguments) -> bool:
    """Each word begins with the next letter of the alphabet, a after z."""
    letters = [word[0] for word in words.bare(text.lower())]
    if not letters or not "a" <= letters[0] <= "z":
        return False
    first = ord(letters[0])
    return all(ord(letter) == ord("a") + (first - ord("a") + n) % 26 for n, letter in enumerate(letters))


def vowel(text: str, _: Arguments) -> bool:
    """It is one paragraph with at most three of the vowels a, e, i, o, u."""
    return "\n" not in text.strip() and len(set(text.lower()) & set("aeiou")) <= 3


def consonants(text: str, _: Arguments) -> bool:
    """Each word has two consonants side by side."""
    return all(any({one, other} <= CONSONANTS for one, other in pairwise(word)) for word in text.lower().split())


def alliteration_increment(text: str, _: Arguments) -> bool:
    """Each sentence has more alliterating words than the one before."""
    counts = [_alliterating(sentence) for sentence in words.sentences(text)]
    return all(one < other for one, other in pairwise(counts))


def _alliterating(sentence: str) -> int:
    """Return how many words share their first letter with a neighbour, counted run by run."""
    letters = [word[0] for word in (word.lstrip(words.PUNCTUATION) for word in sentence.lower().split()) if word]
    total, running = 0, False
    for one, other in pairwise(letters):
        total += (1 if running else 2) if one == other else 0
        running = one == other
    return total


def palindrome(text: str, _: Arguments) -> bool:
    """There are ten words of five letters or more that read the same backwards."""
    return sum(len(word) >= 5 and word == word[::-1] for word in words.bare(text.lower())) >= 10


def prime_lengths(text: str, _: Arguments) -> bool:
    """Each word has a prime number of letters."""
    return all(len(word) in PRIMES for word in words.bare(text))


def start_verb(text: str, _: Arguments) -> bool:
    """The first word is a verb."""
    found = words.tokens(text)
    return bool(found) and words.can_be_verb(found[0])


def repeats(text: str, arguments: Arguments) -> bool:
    """No word is there more often than so many times."""
    return max(Counter(words.bare(text.lower())).values(), default=0) <= int(arguments["small_n"])


def odd_even_syllables(text: str, _: Arguments) -> bool:
    """Words with an odd number of syllables and words with an even one alternate."""
    parities = [words.syllables(word) % 2 for word in words.bare(text.lower())]
    return all(one != other for one, other in pairwise(parities))


def last_first(text: str, _: Arguments) -> bool:
    """The last word of each sentence is the first of the next."""
    around = words.PUNCTUATION + " "
    found = [
        (sentence.lstrip(around).lower().split()[:1], sentence.rstrip(around).lower().split()[-1:])
        for sentence in words.sentences(text)
    ]
    return all(one[1] == other[0] != [] for one, other in pairwise(found))


def paragraph_last_first(text: str, _: Arguments) -> bool:
    """Each line that is not empty ends with the word that it began with."""
    lines = (words.trimmed(line.strip().lower()).split() for line in text.split("\n") if line.strip())
    return all(line and line[0] == line[-1] for line in lines)


def no_consecutive(text: str, _: Arguments) -> bool:
    """No two words side by side begin with the same letter."""
    return all(one[0] != other[0] for one, other in pairwise(words.bare(text.lower())))


def keywords_specific_position(text: str, arguments: Arguments) -> bool:
    """The n-th sentence has the keyword as its m-th word."""
    found, n, m = words.sentences(text), int(arguments["n"]), int(arguments["m"])
    if len(found) < n:
        return False
    return words.tokens(found[n - 1])[m - 1 : m] == (arguments["keyword"].strip(),)


def words_position(text: str, arguments: Arguments) -> bool:
    """The second word and the last but one are the keyword; a mark at the end is a word."""
    found = words.tokens(text)
    return len(found) > 1 and found[1] == found[-2] == arguments["keyword"].strip()


def sentence_keyword(text: str, arguments: Arguments) -> bool:
    """The n-th sentence has the keyword, in any case."""
    found, n = words.sentences(text), int(arguments["N"])
    return len(found) >= n and arguments["word"].lower() in found[n - 1].lower()


def sentence_increment(text: str, arguments: Arguments) -> bool:
    """Each sentence has exactly so many words more than the one before."""
    counts = [len(words.bare(sentence)) for sentence in words.sentences(text)]
    return all(other - one == int(arguments["small_n"]) for one, other in pairwise(counts))


def sentence_words(text: str, _: Arguments) -> bool:
    """There are three sentences of the same number of characters (that their words differ is not looked at)."""
    found = words.sentences(text)
    return len(found) == 3 and len({len(sentence) for sentence in found}) == 1


WORDS: Mapping[str, Instruction] = {
    "count:word_count_range": Instruction(word_count_range, ("min_words", "max_words")),
    "count:unique_word_count": Instruction(unique_word_count, ("N",)),
    "count:conjunctions": Instruction(conjunctions, ("small_n",)),
    "count:person_names": Instruction(person_names, ("N",)),
    "count:numbers": Instruction(numbers, ("N",)),
    "count:punctuation": Instruction(punctuation),
    "count:pronouns": Instruction(pronouns, ("N",)),
    "count:keywords_multiple": Instruction(
        keywords_multiple, ("keyword1", "keyword2", "keyword3", "keyword4", "keyword5")
    ),
    "count:words_japanese": Instruction(words_japanese, ("N",)),
    "ratio:stop_words": Instruction(stop_words, ("percentage",)),
    "ratio:sentence_type": Instruction(sentence_type),
    "ratio:sentence_balance": Instruction(sentence_balance),
    "ratio:sentence_words": Instruction(sentence_words),
    "ratio:overlap": Instruction(overlap, ("reference_text", "percentage")),
    "words:alphabet": Instruction(alphabet),
    "words:vowel": Instruction(vowel),
    "words:consonants": Instruction(consonants),
    "words:palindrome": Instruction(palindrome),
    "words:prime_lengths": Instruction(prime_lengths),
    "words:start_verb": Instruction(start_verb),
    "words:repeats": Instruction(repeats, ("small_n",)),
    "words:odd_even_syllables": Instruction(odd_even_syllables),
    "words:last_first": Instruction(last_first),
    "words:paragraph_last_first": Instruction(paragraph_last_first),
    "words:no_consecutive": Instruction(no_consecutive),
    "words:keywords_specific_position": Instruction(keywords_specific_position, ("keyword", "n", "m")),
    "words:words_position": Instruction(words_position, ("keyword",)),
    "sentence:alliteration_increment": Instruction(alliteration_increment),
    "sentence:keyword": Instruction(sentence_keyword, ("word", "N")),
    "sentence:increment": Instruction(sentence_increment, ("small_n",)),
}
