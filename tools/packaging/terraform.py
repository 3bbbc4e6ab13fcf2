"""Writes what of the Terraform module follows from template.yaml: its variables and its outputs.

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


def in_terraform(name: str) -> str:
    """`DefaultMaxCapacity` is `default_max_capacity`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _text(text: str) -> str:
    """A string in which Terraform sees no template of its own."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def variables(parameters: dict[str, Any]) -> str:
    """A variable for each parameter, as `terraform fmt` leaves it."""
    blocks = [
        "# Made of the parameters of template.yaml by `make terraform`. Null is the template's own default.\n"
    ]
    for name, parameter in parameters.items():
        if name not in FIXED:
            blocks.append(
                f'variable "{in_terraform(name)}" {{\n'
                f"  description = {_text(parameter['Description'])}\n"
                "  type        = string\n"
                "  default     = null\n"
                "}\n"
            )
    names = [name for name in parameters if name not in FIXED]
    width = max(map(len, names))
    rows = "".join(f"    {name:<{width}} = var.{in_terraform(name)}\n" for name in names)
    blocks.append(f"locals {{\n  parameters = {{\n{rows}  }}\n}}\n")
    return "\n".join(blocks)


def outputs(of_template: dict[str, Any]) -> str:
    """An output for each one of the template, as `terraform fmt` leaves it."""
    blocks = [
        "# Made of the outputs of template.yaml by `make terraform`. Null is what the parameters leave out.\n"
    ]
    for name, output in of_template.items():
        blocks.append(
            f'output "{in_terraform(name)}" {{\n'
            f"  description = {_text(output['Description'])}\n"
            f'  value       = lookup(aws_cloudformation_stack.this.outputs, "{name}", null)\n'
            "}\n"
        )
    return "\n".join(blocks)


def main() -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text())
    for name, text in (
        ("variables.tf", variables(template["Parameters"])),
        ("outputs.tf", outputs(template["Outputs"])),
    ):
        (ROOT / "terraform" / name).write_text(text)
        print(f"terraform/{name}")


if __name__ == "__main__":
    main()
