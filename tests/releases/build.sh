#!/usr/bin/env bash
# Builds the wheels of a release into tests/releases/<version>: tests/releases/build.sh <version> <commit>
#
# The same commit gives the same bytes, on any machine and at any time.
set -euo pipefail
if (($# != 2)); then
  echo "usage: tests/releases/build.sh <version> <commit>" >&2
  exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=$root/tests/releases/$1
sources=$(mktemp -d)
trap 'rm -rf "$sources"' EXIT
git -C "$root" archive "$2" shared services | tar -x -C "$sources"
mkdir -p "$out"
for member in shared/domain shared/runtime services/processing services/metrics; do
  (cd "$sources/$member" && "$root/.venv/bin/python" -m hatchling build --target wheel --directory "$out")
done
(cd "$out" && sha256sum ./*.whl >SHA256SUMS)
