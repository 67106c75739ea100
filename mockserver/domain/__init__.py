"""Tasks and what becomes of them: pure functions of records and moments."""
