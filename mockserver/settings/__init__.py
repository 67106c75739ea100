"""All settings: one frozen object, read in one place from environment and config file."""

from mockserver.settings.declared import SETTINGS, Settings
from mockserver.settings.environment import unknown_variables
from mockserver.settings.sources import (
    Resolved,
    SettingError,
    changed_settings,
    config_files,
    default_text,
    make_settings,
    option_of,
    resolve_contract,
    resolve_settings,
    show_value,
)
from mockserver.settings.texts import RateLimit

__all__ = [
    "SETTINGS",
    "RateLimit",
    "Resolved",
    "SettingError",
    "Settings",
    "changed_settings",
    "config_files",
    "default_text",
    "make_settings",
    "option_of",
    "resolve_contract",
    "resolve_settings",
    "show_value",
    "unknown_variables",
]
