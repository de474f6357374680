"""A file in this folder with TITLE, ORDER and show(studio) is a tab."""

import importlib
import pkgutil
from types import ModuleType


def found() -> dict[str, ModuleType]:
    """Every panel by its title, in the order of the tabs."""
    modules = [importlib.import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__)]
    return {module.TITLE: module for module in sorted(modules, key=lambda module: module.ORDER)}
