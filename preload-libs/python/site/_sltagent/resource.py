# SPDX-License-Identifier: Apache-2.0
"""A provider's resource, as text for slt_resource (schemas/wire/probe.h)."""

import json

LIMIT_BYTES = 4096  # SLT_RESOURCE_BYTES
JSON_MARK = "\x01"  # before a value that is JSON


def resource_text(resource):
    """`key NUL value NUL` repeated, service.name first. An attribute that cannot be written, or has no room, is left out."""
    attributes = dict(resource.attributes)
    text = b""
    for key in sorted(attributes, key=lambda key: key != "service.name"):
        pair = _pair(key, attributes[key])
        if len(text) + len(pair) <= LIMIT_BYTES:
            text += pair
    return text


def _pair(key, value):
    try:
        if not isinstance(value, str) or value.startswith(JSON_MARK):
            value = JSON_MARK + json.dumps(value, allow_nan=False, separators=(",", ":"))
        key, value = key.encode(), value.encode()
    except (TypeError, ValueError, AttributeError):
        return b""
    if b"\0" in key or b"\0" in value:
        return b""
    return key + b"\0" + value + b"\0"
