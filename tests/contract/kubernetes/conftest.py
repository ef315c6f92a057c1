from support.manifest_tools import manifest_tools  # noqa: F401  fixtures, found here by pytest
from support.manifests import local, manifests, production  # noqa: F401
