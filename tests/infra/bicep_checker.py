"""Run an offline Bicep checker, where one is present, over a folder; the judge of types without Azure or a network.

The checker is a program `bicep_check.py` that holds official type data. It is looked for where the environment
variable BICEP_CHECKER points, and beside the repository. It may lack the network's types, which only the optional
private network needs: `NETWORK_TYPES` says what `modules/network.bicep` may use of them, so that the rest of that
module is checked like any other and nothing needs to be overlooked.

`python tests/infra/bicep_checker.py [FOLDER]` prints the findings and ends with 1 when there are any.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
BESIDE = ROOT.parent / "shared" / "tools" / "bicep" / "bicep_check.py"

Type = dict[str, Any]

REQUIRED = 1
READ_ONLY = 2
STRING: Type = {"k": "string"}
BOOL: Type = {"k": "bool"}


def an_object(**properties: Type | tuple[Type, int]) -> Type:
    """Return an object type; a property is optional unless a flag says otherwise."""
    return {
        "k": "object",
        "name": "object",
        "props": {name: kind if isinstance(kind, tuple) else (kind, 0) for name, kind in properties.items()},
        "add": None,
    }


def an_array(of: Type) -> Type:
    return {"k": "array", "of": of}


def one_of(*values: str) -> Type:
    return {"k": "union", "items": [{"k": "lit", "v": value} for value in values]}


TAGS: Type = {"k": "object", "name": "tags", "props": {}, "add": STRING}
REFERENCE = an_object(id=STRING)


def a_resource(properties: Type, **more: Type | tuple[Type, int]) -> Type:
    name, identity = (STRING, REQUIRED), (STRING, READ_ONLY)
    return an_object(name=name, id=identity, properties=properties, **more)


NETWORK_TYPES: dict[str, Type] = {
    "Microsoft.Network/virtualNetworks@2024-07-01": a_resource(
        an_object(
            addressSpace=an_object(addressPrefixes=an_array(STRING)),
            subnets=an_array(
                an_object(
                    name=STRING,
                    properties=an_object(
                        addressPrefix=STRING,
                        defaultOutboundAccess=BOOL,
                        delegations=an_array(
                            an_object(
                                name=STRING,
                                properties=an_object(serviceName=one_of("Microsoft.App/environments")),
                            )
                        ),
                        natGateway=REFERENCE,
                        networkSecurityGroup=REFERENCE,
                        privateEndpointNetworkPolicies=one_of(
                            "Enabled", "Disabled", "NetworkSecurityGroupEnabled", "RouteTableEnabled"
                        ),
                    ),
                )
            ),
        ),
        location=STRING,
        tags=TAGS,
    ),
    "Microsoft.Network/privateEndpoints@2024-07-01": a_resource(
        an_object(
            subnet=REFERENCE,
            privateLinkServiceConnections=an_array(
                an_object(
                    name=STRING,
                    properties=an_object(privateLinkServiceId=STRING, groupIds=an_array(STRING)),
                )
            ),
        ),
        location=STRING,
        tags=TAGS,
    ),
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-07-01": a_resource(
        an_object(
            privateDnsZoneConfigs=an_array(
                an_object(name=STRING, properties=an_object(privateDnsZoneId=STRING)),
            )
        ),
    ),
    "Microsoft.Network/privateDnsZones@2024-06-01": a_resource(an_object(), location=STRING, tags=TAGS),
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01": a_resource(
        an_object(registrationEnabled=BOOL, virtualNetwork=REFERENCE),
        location=STRING,
        tags=TAGS,
    ),
}


@contextmanager
def untidy_files() -> Iterator[None]:
    """Let the checker leave closing its files to the garbage collector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


class Checker:
    """The checker with its types loaded once."""

    def __init__(self, program: Path) -> None:
        with untidy_files():
            self._module = self._load(program)
            self._types = self._module.load_types(str(program.parent / "types"))
        for name, body in NETWORK_TYPES.items():
            if name.partition("@")[0].lower() not in self._types.r:
                self._types.add(name, body)

    @staticmethod
    def _load(program: Path) -> ModuleType:
        spec = importlib.util.spec_from_file_location("offline_bicep_check", program)
        if spec is None or spec.loader is None:
            message = f"{program} is no Python program"
            raise RuntimeError(message)
        module = importlib.util.module_from_spec(spec)
        writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        sys.path.insert(0, str(program.parent))
        try:
            spec.loader.exec_module(module)
        finally:
            sys.path.remove(str(program.parent))
            sys.dont_write_bytecode = writes_bytecode
        return module

    def findings(self, folder: Path) -> list[str]:
        """Return what is wrong with the Bicep files under a folder."""
        self._module.File.cache.clear()
        found: list[str] = []
        for path in sorted(folder.rglob("*.bicep*")):
            if path.suffix not in {".bicep", ".bicepparam"}:
                continue
            with untidy_files():
                file = self._module.File.get(str(path), self._types)
                file.check()
            found += [
                f"{path.relative_to(folder)}:{line}: [{code}] {text}"
                for line, code, text in sorted(set(file.errs), key=str)
            ]
        return found


def find_checker() -> Path | None:
    """Return where the checker is, or None."""
    named = os.environ.get("BICEP_CHECKER")
    path = Path(named) if named else BESIDE
    return path if path.is_file() else None


def main(arguments: list[str]) -> int:
    """Print the findings of the folder."""
    program = find_checker()
    if program is None:
        sys.stderr.write("no offline Bicep checker here: set BICEP_CHECKER, or let `az bicep build` judge\n")
        return 0
    folder = Path(arguments[0]) if arguments else INFRA
    found = Checker(program).findings(folder)
    sys.stdout.write("".join(f"{finding}\n" for finding in found))
    sys.stdout.write(f"{folder.name}: {len(found)} findings\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
