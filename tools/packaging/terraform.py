"""Writes terraform/variables.tf: a variable for each parameter of template.yaml.

Without a value, a variable is null and the template's own default holds: it stands in one place.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
# Given by the release that is installed.
FIXED = ("Architecture",)


def variable(parameter: str) -> str:
    """`DefaultMaxCapacity` is `default_max_capacity`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", parameter).lower()


def variables(parameters: dict[str, Any]) -> str:
    """Text of Terraform, as `terraform fmt` leaves it."""
    blocks = [
        "# Made of the parameters of template.yaml by `make terraform`. Null is the template's own default.\n"
    ]
    for name, parameter in parameters.items():
        if name not in FIXED:
            blocks.append(
                f'variable "{variable(name)}" {{\n'
                f"  description = {json.dumps(parameter['Description'], ensure_ascii=False)}\n"
                "  type        = string\n"
                "  default     = null\n"
                "}\n"
            )
    names = [name for name in parameters if name not in FIXED]
    width = max(map(len, names))
    rows = "".join(f"    {name:<{width}} = var.{variable(name)}\n" for name in names)
    blocks.append(f"locals {{\n  parameters = {{\n{rows}  }}\n}}\n")
    return "\n".join(blocks)


def main() -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text())
    to = ROOT / "terraform" / "variables.tf"
    to.write_text(variables(template["Parameters"]))
    print(to.relative_to(ROOT))


if __name__ == "__main__":
    main()
