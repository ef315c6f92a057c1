"""All dashboards, as the files that Grafana is provisioned with."""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from qos_local.dashboards.bureau import bureau
from qos_local.dashboards.error_budget import error_budget
from qos_local.dashboards.overview import overview
from qos_local.dashboards.pipeline import pipeline
from qos_local.dashboards.procedure import procedure
from qos_local.dashboards.site import Site

PAGES = (overview, bureau, procedure, error_budget, pipeline)


def files(site: Site) -> Mapping[PurePosixPath, str]:
    """The dashboards of a site by the path of their file, such as `ja/overview.json`."""
    found = {}
    for page in (make(site) for make in PAGES):
        text = json.dumps(page.build(), cls=JSONEncoder, ensure_ascii=False, indent=2, sort_keys=True)
        found[PurePosixPath(site.language, f"{page.name}.json")] = f"{text}\n"
    return found
