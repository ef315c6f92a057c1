"""Lists what an image holds, read from its root directory: `bill_of_materials.py ROOT --image qos-intake ...`.

The list is a CycloneDX 1.6 document (JSON) of all Debian packages (dpkg's status) and all Python packages (their
metadata), each with its package URL, so that a scanner can ask which of them are known to be vulnerable.
"""

import argparse
import sys
from collections.abc import Iterator
from email import message_from_string
from importlib.metadata import Distribution, distributions
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

VERSION = SchemaVersion.V1_6


def debian_packages(root: Path) -> Iterator[Component]:
    """What dpkg says is installed."""
    release = dict(line.split("=", 1) for line in (root / "etc/os-release").read_text("utf-8").splitlines() if line)
    distribution = f"{release['ID']}-{release['VERSION_ID']}".replace('"', "")
    for stanza in (root / "var/lib/dpkg/status").read_text("utf-8").split("\n\n"):
        package = message_from_string(stanza)
        if package["Status"] == "install ok installed":
            name, version = package["Package"], package["Version"]
            qualifiers = {"arch": package["Architecture"], "distro": distribution}
            purl = PackageURL("deb", "debian", name, version, qualifiers)
            yield Component(name=name, version=version, purl=purl, bom_ref=str(purl))


def python_packages(root: Path) -> Iterator[Component]:
    """What Python's package metadata say is installed, wherever in the image."""
    directories = [path for name in ("site-packages", "dist-packages") for path in root.glob(f"**/{name}")]
    for package in distributions(path=[str(directory) for directory in directories]):
        purl = PackageURL("pypi", None, package.name.lower().replace("_", "-"), package.version)
        licence = _licence(package)
        yield Component(
            name=package.name,
            version=package.version,
            purl=purl,
            bom_ref=str(purl),
            licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
        )


def bill_of_materials(root: Path, *, image: str, version: str) -> str:
    """The document of the image whose root directory this is. Raises FileNotFoundError where it is no Debian."""
    bom = Bom(components=[*debian_packages(root), *python_packages(root)])
    bom.metadata.component = Component(name=image, version=version, type=ComponentType.CONTAINER, bom_ref=image)
    bom.register_dependency(bom.metadata.component, bom.components)
    return make_outputter(bom, OutputFormat.JSON, VERSION).output_as_string(indent=2)


def _licence(package: Distribution) -> str | None:
    """The SPDX expression, or what older metadata say in one line; not the text of a licence."""
    told: str | None = package.metadata.get("License-Expression") or package.metadata.get("License")
    return told if told and "\n" not in told else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, metavar="ROOT", help="where the image is mounted")
    parser.add_argument("--image", required=True, help="its name")
    parser.add_argument("--version", required=True)
    parser.add_argument("--output", required=True, type=Path, help="the file to write")
    options = parser.parse_args()
    document = bill_of_materials(options.root, image=options.image, version=options.version)
    options.output.write_text(document + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
