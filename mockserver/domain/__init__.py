"""What a task is and becomes: pure functions of records and moments."""
