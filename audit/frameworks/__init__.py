"""What laws, standards and guidance ask for, as catalogues of clauses: their model, their loader, their check."""

from audit.frameworks.loading import (
    check_file,
    clause_of,
    framework_names,
    load_framework,
    read_framework,
    unknown_clause,
    unknown_frameworks,
)
from audit.frameworks.spec import (
    CLAIMS,
    NEEDS,
    NONE,
    Alternative,
    Checked,
    Choice,
    Clause,
    Framework,
    FrameworkStatus,
    Need,
    Question,
    ShownBy,
    SourcedDate,
    Strength,
    Sure,
    Text,
    TextWindow,
    claims_in,
)

__all__ = [
    "CLAIMS", "NEEDS", "NONE", "Alternative", "Checked", "Choice", "Clause", "Framework", "FrameworkStatus", "Need",
    "Question", "ShownBy", "SourcedDate", "Strength", "Sure", "Text", "TextWindow", "check_file", "claims_in",
    "clause_of", "framework_names", "load_framework", "read_framework", "unknown_clause", "unknown_frameworks",
]
