"""The commands of `maxapi-mock`, one module for each that is more than a line."""
