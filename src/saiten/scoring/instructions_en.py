"""Instruction following in English (IFEval, IFBench)."""

from __future__ import annotations

from saiten.scoring.instructions import Instructions
from saiten.scoring.instructions_bench_format import FORMAT
from saiten.scoring.instructions_bench_words import WORDS
from saiten.scoring.instructions_en_checks import IFEVAL
from saiten.scoring.instructions_en_words import MODULES, require
from saiten.types import Extra

IFEVAL_EXTRA = Extra(name="ifeval", modules=MODULES)
INSTRUCTIONS_EN = Instructions(name="instructions_en", version=1, table=IFEVAL, require=require)
INSTRUCTIONS_BENCH = Instructions(name="instructions_bench", version=1, table={**WORDS, **FORMAT}, require=require)
