"""The commands `backends` and `schedulers`: what there is."""

import argparse
import json
from typing import Any

from sdplay.schedulers import SCHEDULERS


def register(actions: Any) -> None:
    """Add the commands to the others."""
    backends = actions.add_parser("backends", help="list the backends and whether they are ready")
    backends.add_argument("--json", action="store_true", help="Print JSON.")
    backends.set_defaults(run=_backends)
    schedulers = actions.add_parser(
        "schedulers", help="list the schedulers and their names elsewhere"
    )
    schedulers.add_argument("--json", action="store_true", help="Print JSON.")
    schedulers.set_defaults(run=_schedulers)


def _backends(options: argparse.Namespace) -> None:
    from sdplay.backends import kinds

    rows = []
    for name, kind in kinds().items():
        capabilities = kind().probe()
        rows.append(
            {
                "name": name,
                "label": kind.label,
                "status": capabilities.status,
                "message": capabilities.message,
                "version": capabilities.version,
                "features": sorted(capabilities.features),
            }
        )
    if options.json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(f"{row['name']:<10} {row['status']:<13} {row['label']}: {row['message']}")


def _schedulers(options: argparse.Namespace) -> None:
    if options.json:
        rows = [
            {
                "id": entry.id,
                "label": entry.label,
                "family": entry.family,
                "settles": not entry.stochastic,
                "evaluations_at_20_steps": entry.evaluations(20),
                "names": sorted(entry.names()),
                "about": entry.about,
            }
            for entry in SCHEDULERS.values()
        ]
        print(json.dumps(rows))
        return
    for entry in SCHEDULERS.values():
        print(
            f"{entry.id:<22} {entry.about}\n{'':<22} Also called: "
            f"{', '.join(sorted(entry.names() - {entry.id}))}."
        )
