"""Files that are no safetensors, or lie about what they hold."""

import json
import struct


def tensors(header, data=bytes(16)):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


BAD_TENSORS = {
    "overlap": tensors({"a": entry([4], 0, 16), "b": entry([2], 8, 16)}),
    "overflow": tensors({"a": entry([2**62, 8], 0, 16)}),
    "negative": tensors({"a": entry([-4], 0, 16)}),
    "trailing": tensors({"a": entry([4], 0, 16)}, bytes(20)),
    "truncated": tensors({"a": entry([4], 0, 16)}, bytes(10)),
    "long header": struct.pack("<Q", 2**63) + b"{}",
    "nested": tensors(b'{"a":' * 100_000),
    "unknown type": tensors({"a": entry([8], 0, 16, "BF16")}),
    "no numbers": tensors({"a": entry([16], 0, 16, "BOOL")}),
    "nothing": tensors({"a": entry([0], 0, 0)}, b""),
    "twice": tensors(
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
        b'"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}'
    ),
    "pickle": b"\x80\x04K\x01.",
}
