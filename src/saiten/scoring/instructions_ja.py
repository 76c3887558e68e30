"""Instruction following in Japanese (M-IFEval)."""

from __future__ import annotations

from saiten.scoring import instructions_ja_words as words
from saiten.scoring.instructions import Instructions
from saiten.scoring.instructions_ja_checks import INSTRUCTIONS
from saiten.types import Extra

INSTRUCTIONS_EXTRA = Extra(name="instructions", modules=("ja_sentence_segmenter", "janome", "langdetect"))
INSTRUCTIONS_JA = Instructions(name="instructions_ja", version=1, table=INSTRUCTIONS, require=words.require)
