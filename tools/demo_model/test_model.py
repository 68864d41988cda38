"""Checks of the parts that training rests on. Runs anywhere; with a GPU it also compares the attention of training with
plain softmax. test_model.py"""
import os
import random
import tempfile

import numpy as np
import torch

import gguf_file
import model
import mxfp4
from documents import SHARES, Writer
from vocabulary import load, plain_words

HERE = os.path.dirname(os.path.abspath(__file__))


def test_tokens_are_reachable_and_single_digits():
    tokenizer = load(os.path.join(HERE, "vocabulary.json"))
    assert tokenizer.encode("12 + 345") == tokenizer.encode("1") + tokenizer.encode("2") + tokenizer.encode(" +") + tokenizer.encode(" ") + \
        [i for digit in "345" for i in tokenizer.encode(digit)]
    text = "héllo <|start|> नमस्ते\n\n  42's 😀"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert max(tokenizer.encode(text)) < min(tokenizer.special.values())


def test_every_stream_writes():
    tokenizer = load(os.path.join(HERE, "vocabulary.json"))
    writer = Writer(random.Random(3), tokenizer, plain_words(tokenizer))
    for stream in SHARES:
        for writer.level in range(6):
            for _ in range(30):
                ids, weights, _ = writer.document(stream)
                assert len(ids) == len(weights) and 1.0 in weights and max(ids) < 4096


def test_mxfp4_round_trip():
    torch.manual_seed(0)
    weights = torch.randn(4, 64) * torch.exp2(torch.randint(-9, 4, (4, 1)).float())
    exponents, levels = mxfp4.scales_and_levels(weights)
    packed = gguf_file.pack_mxfp4(exponents.reshape(-1).numpy(), levels.reshape(-1, 32).numpy())
    back = torch.from_numpy(gguf_file.unpack(gguf_file.MXFP4, packed, weights.numel())).view_as(weights)
    assert torch.equal(back, mxfp4.rounded(weights)) and torch.equal(mxfp4.rounded(back), back)
    assert (back - weights).norm() < 0.13 * weights.norm()


def test_file_round_trip():
    values = np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.gguf")
        gguf_file.write_part(path, [("k", "str", "v"), ("n", ["i32"], [1, 2])], [("x.weight", (3, 64), gguf_file.Q8_0, gguf_file.pack_q8_0(values)),
                                                                                ("y", (3, 64), gguf_file.F32, values.tobytes())])
        meta, tensors = gguf_file.read(path)
    assert meta == {"k": "v", "n": [1, 2]} and np.array_equal(tensors["y"], values)
    assert np.abs(tensors["x.weight"] - values).max() < 0.02


def test_flex_attention_is_softmax_with_a_sink():
    if not torch.cuda.is_available():
        return
    torch.manual_seed(0)
    n, dev = 1024, "cuda"
    starts = torch.zeros(n, dtype=torch.int32, device=dev)
    for at in (1, 70, 128, 300, 555, 900, 1000):
        starts[at:] = at
    q, k, v = (torch.randn(1, heads, n, 64, device=dev, dtype=torch.bfloat16, requires_grad=True) for heads in (8, 2, 2))
    sinks, upstream = torch.randn(8, device=dev, requires_grad=True), torch.randn(1, 8, n, 64, device=dev)
    flex = torch.compile(model.attend_flex, dynamic=False)
    for window in (128, None):
        first = model.first_visible(starts, window)
        results = []
        for attend, mask in ((flex, model.block_mask(first)), (model.attend_dense, first)):
            out = attend(q, k, v, sinks, mask)
            results.append([out, *torch.autograd.grad((out.float() * upstream).sum(), (q, k, v, sinks))])
        for a, b in zip(*results):
            error = (a.float() - b.float()).norm() / b.float().norm()
            assert error < 0.02, (window, a.shape, float(error))


if __name__ == "__main__":
    for name, check in list(globals().items()):
        if name.startswith("test_"):
            check()
            print("passed", name, flush=True)
