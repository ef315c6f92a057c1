"""What a publication came to, for people and for programs; and what the exit codes mean."""

import msgspec

from qos_processing.publish.publishing import Published

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_REFUSED = 2


def as_json(published: Published) -> str:
    """One JSON object: the publication's event, whether it is new, and whether it was only tried."""
    said = {"new": published.new, "dry_run": published.dry_run, "publication": published.publication}
    return msgspec.json.format(msgspec.json.encode(said), indent=2).decode()


def as_text(published: Published) -> str:
    found = published.publication
    if not published.new:
        return (
            f"{found.period} is published already: {found.publication_id} of {found.issued_at:%Y-%m-%d %H:%M} UTC."
            " Nothing was changed; what differs today is told by `qos restate`."
        )
    counts = f"{found.procedures:,} procedures, {found.organisations:,} organisations and everything"
    versions = f"criteria {found.criteria}, calendar {found.calendar}, logic {found.logic_version}"
    if published.dry_run:
        return f"{found.period} would be published: {counts}; {versions}.\nNothing was written."
    return f"{found.period} is published: {found.publication_id}\n  {counts}\n  {versions}\n  digest {found.digest}"
