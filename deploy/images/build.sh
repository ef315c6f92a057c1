#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=store.sh source-path=SCRIPTDIR
source deploy/images/store.sh

usage() {
  cat <<'HELP'
Builds the images on a Debian machine that has no container engine, as root, with buildah.

  deploy/images/build.sh [OPTION]... [TARGET]...

Targets: intake, processing, metrics, tools (default: the first three). Each becomes localhost/qos-TARGET:TAG, and its
bill of materials (CycloneDX) OUTPUT/qos-TARGET.cdx.json. deploy/images/run.sh runs them.

  --base IMAGE    build on this image (a registry's name) instead of a Debian 12 made by debootstrap
  --mirror URL    take Debian from there (default: where this machine's apt takes it from)
  --output DIR    where the bills of materials go (default: dist/images)
  --storage DIR   where images, wheels and the base are kept (default: ~/.cache/qos/images)
  --tag TAG       (default: local)
  -h, --help

Needs `apt-get install buildah debootstrap`, and `make lint` once. A second build takes what didn't change from the
storage; `rm -r` of the storage removes all of it. With an engine this script isn't needed:

  docker build --file deploy/images/Dockerfile --target intake --tag qos-intake:local .
HELP
}

suite=bookworm base='' mirror='' tag=local output=dist/images targets=()
while (($#)); do
  case $1 in
    --base | --mirror | --output | --storage | --tag)
      (($# > 1)) || fail "$1: a value is missing." 'see --help' 2
      printf -v "${1#--}" %s "$2"
      shift 2
      ;;
    -h | --help) usage; exit 0 ;;
    intake | processing | metrics | tools) targets+=("$1"); shift ;;
    *) fail "$1: no option and no target." 'see --help' 2 ;;
  esac
done
((${#targets[@]})) || targets=(intake processing metrics)
require_root_and buildah debootstrap
[ -x .venv/bin/pip ] || fail 'The environment of the project is missing.' 'make lint'

# Beyond this, layers that nothing needs any more are removed; what was cached of them is built again.
store_megabytes=6000

# This machine's sources of Debian packages as `deb` lines: mounted into the build, never written to an image.
apt_sources() {
  if [ -n "$mirror" ]; then
    echo "deb $mirror $suite main"
  else
    apt-get indextargets --format "deb \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" 'Identifier: Packages' 'Origin: Debian' |
      grep -E " $suite(-updates|-security)? main$" | sort -u
  fi
}

# A Debian without what a container never uses: manuals, translations, package lists, and sources of packages.
make_base() {
  say "Making a Debian $suite with debootstrap (once, about a minute)"
  local root=$work/base container
  debootstrap --variant=minbase "$suite" "$root" "$1" >"$work/debootstrap.log" 2>&1 ||
    { tail -n 20 "$work/debootstrap.log" >&2; fail 'debootstrap failed.' 'see above; is the mirror reachable?'; }
  find "$root"/usr/share/{doc,info,locale,man} "$root"/var/{cache/apt,lib/apt/lists,log} -type f \
    ! -path '*/doc/*/copyright' -delete
  find "$root"/usr/share/{doc,info,locale,man} -mindepth 1 -type d -empty -delete
  rm -f "$root/etc/apt/sources.list" "$root/etc/hostname" "$root/etc/resolv.conf"
  container=$("${store[@]}" from scratch)
  "${store[@]}" add --quiet "$container" "$root" / >/dev/null
  "${store[@]}" commit --quiet --rm "$container" "$base" >/dev/null
  rm -rf "$root"
}

# The pinned packages as wheels, with this machine's settings of pip; their hashes are checked here and in the build.
fetch_wheels() {
  local pins=(requirements/base.txt requirements/uv.txt) stamp each
  [[ " ${targets[*]} " != *' tools '* ]] || pins+=(requirements/local.txt)
  stamp=$storage/wheels/$(cat "${pins[@]}" | sha256sum | cut -c1-16).complete
  [ ! -e "$stamp" ] || return 0
  say 'Downloading the pinned packages'
  for each in "${pins[@]}"; do
    .venv/bin/pip download --quiet --no-deps --only-binary=:all: --python-version 3.11 --require-hashes \
      --dest "$storage/wheels" --requirement "$each"
  done
  touch "$stamp"
}

build() {
  local target=$1 image=localhost/qos-$1:$tag
  say "Building $image"
  "${store[@]}" bud --isolation chroot --layers --format docker \
    --file deploy/images/Dockerfile --ignorefile .dockerignore --target "$target" --tag "$image" \
    --build-arg BASE_IMAGE="$base" --build-arg VERSION="$version" --build-arg REVISION="$revision" \
    --build-arg OFFLINE=1 --build-arg FIND_LINKS=/wheels --volume "$storage/wheels:/wheels:ro" \
    --volume "$work/sources:/etc/apt/sources.list.d:ro" . >"$work/$target.log" 2>&1 ||
    { tail -n 40 "$work/$target.log" >&2; fail "$image can't be built." 'see above'; }
}

# A bill of materials is read from the finished image, not from what was meant to be in it.
bill_of_materials() {
  local container root
  container=$("${store[@]}" from --pull-never "localhost/qos-$1:$tag")
  root=$("${store[@]}" mount "$container")
  .venv/bin/python deploy/images/bill_of_materials.py "$root" --image "qos-$1" --version "$version" \
    --output "$output/qos-$1.cdx.json"
  "${store[@]}" rm "$container" >/dev/null
}

mkdir -p "$output" "$storage/wheels"
open_store
exec 9>"$storage/lock"
flock --nonblock 9 || { say 'Waiting for another build'; flock 9; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/sources"
fetch_wheels &
wheels=$!
if [ -z "$base" ]; then
  apt_sources >"$work/sources/debian.list" || fail "This machine's apt knows no Debian $suite." 'apt-get update, or name one: --mirror URL'
  base=localhost/qos-base:$suite
  "${store[@]}" inspect --type image "$base" >/dev/null 2>&1 ||
    make_base "$(awk -v suite="$suite" '$3 == suite {print $2; exit}' "$work/sources/debian.list")"
fi
(($(du -sm "$storage/store" | cut -f1) < store_megabytes)) || "${store[@]}" rmi --prune >/dev/null
wait "$wheels" || fail "The pinned packages can't be downloaded." "see above; try again"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' shared/runtime/pyproject.toml)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
for target in "${targets[@]}"; do
  build "$target"
  bill_of_materials "$target"
done
for target in "${targets[@]}"; do
  "${store[@]}" images --noheading --format '{{.Name}}:{{.Tag}}  {{.Size}}' "localhost/qos-$target:$tag"
done
say "Done. Bills of materials are in $output; run one with deploy/images/run.sh"
