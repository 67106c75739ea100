"""How checks are run against a target, and how what they found is reported."""
