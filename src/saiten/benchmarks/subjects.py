"""The subjects of MMLU and of MMLU-Pro, by category.

Source: reference/benchmarks.md, Appendix A; the categories are those of the datasets' authors (hendrycks/test@785eba57
categories.py; TIGER-Lab/MMLU-Pro, column `category`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from saiten.types import SummaryRow

Categories = Mapping[str, tuple[str, ...]]

_MMLU = {
    "stem": """
        astronomy anatomy college_physics conceptual_physics high_school_physics college_chemistry high_school_chemistry
        college_biology high_school_biology college_computer_science computer_security high_school_computer_science
        machine_learning abstract_algebra college_mathematics elementary_mathematics high_school_mathematics
        high_school_statistics electrical_engineering
        """,
    "humanities": """
        high_school_european_history high_school_us_history high_school_world_history prehistory formal_logic
        logical_fallacies moral_disputes moral_scenarios philosophy world_religions international_law jurisprudence
        professional_law
        """,
    "social_sciences": """
        high_school_government_and_politics public_relations security_studies us_foreign_policy human_sexuality
        sociology econometrics high_school_macroeconomics high_school_microeconomics high_school_geography
        high_school_psychology professional_psychology
        """,
    "other": """
        global_facts miscellaneous professional_accounting business_ethics management marketing clinical_knowledge
        college_medicine human_aging medical_genetics nutrition professional_medicine virology
        """,
}

_MMLU_PRO = {
    "business": "theoremQA_Finance ori_mmlu_marketing stemez_Business ori_mmlu_management ori_mmlu_business_ethics",
    "law": "ori_mmlu_professional_law ori_mmlu_international_law ori_mmlu_jurisprudence",
    "psychology": "stemez_Psychology ori_mmlu_high_school_psychology ori_mmlu_professional_psychology",
    "biology": "ori_mmlu_high_school_biology ori_mmlu_college_biology stemez_Genetics stemez_Biology",
    "chemistry": """
        scibench_matter scibench_atkins scibench_chemmc scibench_quan stemez_PhysicalChemistry stemez_OrganicChemistry
        stemez_Chemistry ori_mmlu_college_chemistry ori_mmlu_high_school_chemistry
        """,
    "history": """
        ori_mmlu_high_school_us_history ori_mmlu_high_school_world_history ori_mmlu_high_school_european_history
        ori_mmlu_prehistory
        """,
    "other": """
        ori_mmlu_high_school_government_and_politics ori_mmlu_professional_accounting ori_mmlu_security_studies
        ori_mmlu_sociology ori_mmlu_miscellaneous ori_mmlu_human_sexuality ori_mmlu_high_school_geography
        ori_mmlu_global_facts ori_mmlu_public_relations ori_mmlu_us_foreign_policy
        """,
    "health": """
        ori_mmlu_nutrition ori_mmlu_clinical_knowledge ori_mmlu_virology ori_mmlu_medical_genetics
        ori_mmlu_professional_medicine ori_mmlu_anatomy ori_mmlu_human_aging ori_mmlu_college_medicine
        """,
    "economics": """
        ori_mmlu_high_school_macroeconomics ori_mmlu_econometrics ori_mmlu_high_school_microeconomics stemez_Economics
        """,
    "math": """
        theoremQA_Math scibench_calculus scibench_stat scibench_diff ori_mmlu_high_school_mathematics
        ori_mmlu_college_mathematics ori_mmlu_high_school_statistics ori_mmlu_elementary_mathematics
        ori_mmlu_abstract_algebra
        """,
    "physics": """
        scibench_class scibench_thermo scibench_fund stemez_Optics stemez_Physics stemez_Mechanics theoremQA_Physics
        ori_mmlu_conceptual_physics ori_mmlu_high_school_physics ori_mmlu_college_physics ori_mmlu_astronomy
        """,
    "computer_science": """
        ori_mmlu_high_school_computer_science ori_mmlu_college_computer_science ori_mmlu_machine_learning
        ori_mmlu_computer_security stemez_ComputerScience theoremQA_EECS
        """,
    "philosophy": """
        ori_mmlu_logical_fallacies ori_mmlu_world_religions ori_mmlu_formal_logic ori_mmlu_moral_disputes
        ori_mmlu_philosophy
        """,
    "engineering": """
        stemez_Electromagnetics stemez_FluidMechanics stemez_HeatTransfer stemez_Thermodynamics
        stemez_TransportPhenomena stemez_ElectricalMachines stemez_ElectronicCommunications stemez_ElectricCircuits
        stemez_MachineDesign ori_mmlu_electrical_engineering
        """,
}

MMLU: Categories = {name: tuple(subjects.split()) for name, subjects in _MMLU.items()}
"""57 subjects in four categories."""
MMLU_PRO: Categories = {name: tuple(subjects.split()) for name, subjects in _MMLU_PRO.items()}
"""91 subsets, by where a question comes from, in 14 categories."""


def all_of(categories: Categories) -> tuple[str, ...]:
    """Return the subjects of all categories."""
    return tuple(subject for subjects in categories.values() for subject in subjects)


def rows_of(name: str, categories: Categories, *, only: Collection[str] | None = None) -> tuple[SummaryRow, ...]:
    """Return a summary row `name_category` for each category, in order, and one `name` for all subsets.

    `only`: the subjects that the benchmark has, where these are not all.
    """
    chosen = {
        category: tuple(subject for subject in subjects if only is None or subject in only)
        for category, subjects in categories.items()
    }
    return (
        *(SummaryRow(name=f"{name}_{key}", metric="extractive_match", subsets=value) for key, value in chosen.items()),
        SummaryRow(name=name, metric="extractive_match"),
    )
