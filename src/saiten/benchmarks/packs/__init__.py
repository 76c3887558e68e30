"""Prompt packs: the wording of another evaluation, imported by its user, in place of saiten's own prompts."""
