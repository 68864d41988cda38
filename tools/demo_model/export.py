"""Checkpoint -> three GGUF parts: experts as MXFP4, other matrices as Q8_0, vectors and router as F32.
export.py checkpoint.pt DIRECTORY [--name gpt-oss-demo]"""
import argparse
import os

import torch

import gguf_file as gguf
from model import Shape
from mxfp4 import BLOCK, scales_and_levels
from vocabulary import load

HERE = os.path.dirname(os.path.abspath(__file__))
NORMAL, CONTROL = 1, 3
PER_LAYER = ["attn_norm", "attn_q", "attn_q.bias", "attn_k", "attn_k.bias", "attn_v", "attn_v.bias", "attn_output", "attn_output.bias", "attn_sinks",
             "post_attention_norm", "ffn_gate_inp", "ffn_gate_inp.bias", "ffn_gate_exps", "ffn_gate_exps.bias", "ffn_up_exps", "ffn_up_exps.bias",
             "ffn_down_exps", "ffn_down_exps.bias"]
MX = ("ffn_gate_exps", "ffn_up_exps", "ffn_down_exps")
FULL = ("attn_norm", "attn_sinks", "post_attention_norm", "ffn_gate_inp", "output_norm")


def letters_for_bytes():
    """GPT-2's printable letter for every byte: the form tokens have in GGUF files."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {byte: chr(byte) for byte in shown}
    hidden = (byte for byte in range(256) if byte not in table)
    return {**table, **{byte: chr(0x100 + n) for n, byte in enumerate(hidden)}}


def merges(tokens):
    """Every split of every token into two tokens, by rank of the result, then of its parts."""
    ranks = {token: rank for rank, token in enumerate(tokens)}
    for token in tokens:
        pairs = [(ranks[token[:i]], ranks[token[i:]]) for i in range(1, len(token)) if token[:i] in ranks and token[i:] in ranks]
        yield from ((tokens[a], tokens[b]) for a, b in sorted(pairs))


def metadata(s, tokenizer, name):
    letters = letters_for_bytes()
    spelled = lambda token: "".join(letters[byte] for byte in token)
    ordinary = tokenizer.tokens[:len(tokenizer.tokens) - len(tokenizer.special)]
    special = tokenizer.special
    return [
        ("general.architecture", "str", "gpt-oss"), ("general.type", "str", "model"), ("general.name", "str", name), ("general.basename", "str", "gpt-oss-demo"),
        ("general.license", "str", "apache-2.0"), ("general.file_type", "u32", 38), ("general.quantization_version", "u32", 2),
        ("gpt-oss.block_count", "u32", s.layers), ("gpt-oss.context_length", "u32", s.context), ("gpt-oss.embedding_length", "u32", s.hidden),
        ("gpt-oss.feed_forward_length", "u32", s.intermediate_size), ("gpt-oss.attention.head_count", "u32", s.query_heads),
        ("gpt-oss.attention.head_count_kv", "u32", s.kv_heads), ("gpt-oss.rope.freq_base", "f32", s.rope_base),
        ("gpt-oss.attention.layer_norm_rms_epsilon", "f32", 1e-5), ("gpt-oss.expert_count", "u32", s.experts),
        ("gpt-oss.expert_used_count", "u32", s.experts_per_token), ("gpt-oss.attention.key_length", "u32", s.head_size),
        ("gpt-oss.attention.value_length", "u32", s.head_size), ("gpt-oss.attention.sliding_window", "u32", s.window),
        ("gpt-oss.expert_feed_forward_length", "u32", s.intermediate_size), ("gpt-oss.rope.scaling.type", "str", "yarn"),
        ("gpt-oss.rope.scaling.factor", "f32", s.rope_factor), ("gpt-oss.rope.scaling.original_context_length", "u32", s.original_context),
        ("tokenizer.ggml.model", "str", "gpt2"), ("tokenizer.ggml.pre", "str", "gpt-4o"),
        ("tokenizer.ggml.tokens", ["str"], [spelled(t) for t in ordinary] + list(special)),
        ("tokenizer.ggml.token_type", ["i32"], [NORMAL] * len(ordinary) + [CONTROL] * len(special)),
        ("tokenizer.ggml.merges", ["str"], [f"{spelled(a)} {spelled(b)}" for a, b in merges(ordinary)]),
        ("tokenizer.ggml.bos_token_id", "u32", special["<|startoftext|>"]), ("tokenizer.ggml.eos_token_id", "u32", special["<|return|>"]),
        ("tokenizer.ggml.padding_token_id", "u32", special["<|endoftext|>"]),
    ]


def stored(name, value):
    """One tensor in its file type."""
    role = name.split(".", 2)[-1] if name.startswith("blk.") else name
    file_name = name if name.endswith(".bias") else name + ".weight"
    if role in MX:
        exponents, levels = scales_and_levels(value)
        data = gguf.pack_mxfp4(exponents.reshape(-1).numpy(), levels.reshape(-1, BLOCK).numpy())
        return file_name, tuple(value.shape), gguf.MXFP4, data
    if role in FULL or role.endswith(".bias"):
        return file_name, tuple(value.shape), gguf.F32, value.float().contiguous().numpy().astype("<f4").tobytes()
    return file_name, tuple(value.shape), gguf.Q8_0, gguf.pack_q8_0(value.contiguous().numpy())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("directory")
    parser.add_argument("--name", default="gpt-oss-demo")
    options = parser.parse_args()
    saved = torch.load(options.checkpoint, map_location="cpu")
    shape, p = Shape(**saved["shape"]), saved["parameters"]
    tokenizer = load(os.path.join(HERE, "vocabulary.json"))
    assert len(tokenizer.tokens) == shape.vocabulary
    layer = lambda l: [stored(f"blk.{l}.{name}", p[name][l]) for name in PER_LAYER]
    half = shape.layers // 2
    parts = [[], [stored("token_embd", p["token_embd"])] + [t for l in range(half) for t in layer(l)],
             [t for l in range(half, shape.layers) for t in layer(l)] + [stored("output_norm", p["output_norm"]), stored("output", p["output"])]]
    total, size = sum(len(part) for part in parts), 0
    os.makedirs(options.directory, exist_ok=True)
    for number, tensors in enumerate(parts):
        split = [("split.no", "u16", number), ("split.count", "u16", len(parts)), ("split.tensors.count", "i32", total)]
        path = os.path.join(options.directory, f"{options.name}-{number + 1:05d}-of-{len(parts):05d}.gguf")
        size += gguf.write_part(path, (metadata(shape, tokenizer, options.name) if number == 0 else []) + split, tensors)
    print(f"{total} tensors, {size / 2 ** 20:.2f} MiB in {len(parts)} parts -> {options.directory}")


if __name__ == "__main__":
    main()
