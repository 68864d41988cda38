"""GGUF version 3, written in parts and read back (ggml-org/ggml docs/gguf.md). Tensors are NumPy arrays, last axis first
in the file's dimension order; types F32, Q8_0 and MXFP4."""
import os
import struct

import numpy as np

F32, Q8_0, MXFP4 = 0, 8, 39
ALIGNMENT = 32
LEVELS = np.array([0, .5, 1, 1.5, 2, 3, 4, 6, -0., -.5, -1, -1.5, -2, -3, -4, -6], np.float32)


def string(text):
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def encoded_value(kind, value):
    """kind: u16, u32, i32, f32, str, or [kind] for an array -> type id, bytes."""
    if isinstance(kind, list):
        inner = [encoded_value(kind[0], v) for v in value]
        return 9, struct.pack("<iQ", inner[0][0], len(inner)) + b"".join(data for _, data in inner)
    if kind == "str":
        return 8, string(value)
    number, form = {"u16": (2, "<H"), "u32": (4, "<I"), "i32": (5, "<i"), "f32": (6, "<f")}[kind]
    return number, struct.pack(form, value)


def pack_q8_0(array):
    blocks = array.astype(np.float32).reshape(-1, 32)
    scale = (np.abs(blocks).max(1, keepdims=True) / 127).astype(np.float16)
    divisor = np.where(scale == 0, 1, scale).astype(np.float32)
    out = np.zeros((len(blocks), 34), np.uint8)
    out[:, :2] = scale.view(np.uint8)
    out[:, 2:] = np.clip(np.rint(blocks / divisor), -127, 127).astype(np.int8).view(np.uint8)
    return out.tobytes()


def pack_mxfp4(exponents, levels):
    """exponents [blocks] and signed levels [blocks, 32] as mxfp4.py gives them."""
    magnitude = np.searchsorted(LEVELS[:8], np.abs(levels)).astype(np.uint8)
    codes = magnitude | np.where(levels < 0, 8, 0).astype(np.uint8)
    out = np.zeros((len(codes), 17), np.uint8)
    out[:, 0] = np.clip(exponents + 127, 0, 254).astype(np.uint8)
    out[:, 1:] = codes[:, :16] | codes[:, 16:] << 4  # byte j: element j low, element j + 16 high
    return out.tobytes()


def unpack(kind, data, count):
    if kind == F32:
        return np.frombuffer(data, "<f4", count).copy()
    if kind == Q8_0:
        blocks = np.frombuffer(data, np.uint8, count // 32 * 34).reshape(-1, 34)
        return (blocks[:, :2].copy().view(np.float16).astype(np.float32) * blocks[:, 2:].copy().view(np.int8)).reshape(-1)
    blocks = np.frombuffer(data, np.uint8, count // 32 * 17).reshape(-1, 17)
    codes = np.concatenate([blocks[:, 1:] & 15, blocks[:, 1:] >> 4], 1)
    return (LEVELS[codes] * np.exp2(blocks[:, :1].astype(np.float32) - 127)).reshape(-1)


def stored_bytes(kind, count):
    return {F32: count * 4, Q8_0: count // 32 * 34, MXFP4: count // 32 * 17}[kind]


def write_part(path, pairs, tensors):
    """pairs: [(key, kind, value)]; tensors: [(name, shape as in NumPy, type, bytes)]."""
    pad = lambda n: -n % ALIGNMENT
    head = struct.pack("<4sIqq", b"GGUF", 3, len(tensors), len(pairs))
    for key, kind, value in pairs:
        number, data = encoded_value(kind, value)
        head += string(key) + struct.pack("<i", number) + data
    offset = 0
    for name, shape, kind, data in tensors:
        head += string(name) + struct.pack(f"<I{len(shape)}qiQ", len(shape), *reversed(shape), kind, offset)
        offset += len(data) + pad(len(data))
    with open(path, "wb") as file:
        file.write(head + bytes(pad(len(head))))
        for _, _, _, data in tensors:
            file.write(data + bytes(pad(len(data))))
    return os.path.getsize(path)


class Part:
    """One file read whole: metadata and tensors as float32."""

    def __init__(self, path):
        self.data, self.at = open(path, "rb").read(), 0
        magic, version, tensors, pairs = self.take("<4sIqq")
        assert magic == b"GGUF" and version == 3, path
        self.metadata = {}
        for _ in range(pairs):
            key = self.text()
            self.metadata[key] = self.value(self.take("<i")[0])
        infos = []
        for _ in range(tensors):
            name, (count,) = self.text(), self.take("<I")
            shape = self.take(f"<{count}q")[::-1]
            infos.append((name, shape, *self.take("<iQ")))
        start = self.at + -self.at % ALIGNMENT
        self.tensors = {}
        for name, shape, kind, offset in infos:
            count = int(np.prod(shape))
            self.tensors[name] = unpack(kind, self.data[start + offset:start + offset + stored_bytes(kind, count)], count).reshape(shape)

    def take(self, form):
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values

    def text(self):
        (size,) = self.take("<Q")
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            inner, count = self.take("<iQ")
            return [self.value(inner) for _ in range(count)]
        return self.take({2: "<H", 4: "<I", 5: "<i", 6: "<f"}[kind])[0]


def read(first_part):
    """All parts of the model whose first part is named -> metadata, tensors."""
    first = Part(first_part)
    count = first.metadata.get("split.count", 1)
    tensors = dict(first.tensors)
    for number in range(2, count + 1):
        tensors.update(Part(first_part.replace("-00001-of-", f"-{number:05d}-of-")).tensors)
    return first.metadata, tensors
