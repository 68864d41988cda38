"""gpt-oss for training: one flat row of documents, all experts computed as two wide matrix products (with 8 experts and
4 in use that is faster than gathering), weights of all layers stacked so that the optimizer sees few tensors.
The definition follows openai/gpt-oss gpt_oss/torch/model.py; reference.py holds the independent version."""
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from mxfp4 import rounded_straight_through

try:
    from torch.nn.attention.flex_attention import BlockMask, flex_attention
except ImportError:  # an old PyTorch trains on the CPU with dense attention
    flex_attention = None


@dataclass
class Shape:
    layers: int = 8
    hidden: int = 256
    query_heads: int = 8
    kv_heads: int = 2
    head_size: int = 64
    experts: int = 8
    experts_per_token: int = 4
    intermediate_size: int = 256
    vocabulary: int = 4096
    window: int = 128
    rope_base: float = 150000.0
    rope_factor: float = 32.0
    original_context: int = 4096
    context: int = 131072


def yarn_frequencies(shape):
    """YaRN without rounding its bounds -> inverse frequencies (float64), magnitude."""
    half = shape.head_size // 2
    frequencies = shape.rope_base ** (torch.arange(half, dtype=torch.float64) / half)
    bound = lambda turns: half * math.log(shape.original_context / (turns * 2 * math.pi)) / math.log(shape.rope_base)
    low, high = bound(32), bound(1)
    ramp = ((torch.arange(half, dtype=torch.float64) - low) / (high - low)).clamp(0, 1)
    return ramp / (shape.rope_factor * frequencies) + (1 - ramp) / frequencies, 0.1 * math.log(shape.rope_factor) + 1


def rope_table(shape, length):
    frequencies, magnitude = yarn_frequencies(shape)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies
    return (angles.cos() * magnitude).float(), (angles.sin() * magnitude).float()


def new_parameters(s, seed):
    """Named as in the GGUF; layer index first."""
    g = torch.Generator().manual_seed(seed)
    normal = lambda *size, std: torch.randn(*size, generator=g) * std
    q, kv = s.query_heads * s.head_size, s.kv_heads * s.head_size
    zeros, ones, fan = torch.zeros, torch.ones, s.hidden ** -0.5
    L, E, H, W = s.layers, s.experts, s.hidden, s.intermediate_size
    return {
        "token_embd": normal(s.vocabulary, H, std=0.5), "output": normal(s.vocabulary, H, std=0.02), "output_norm": ones(H),
        "attn_norm": ones(L, H), "post_attention_norm": ones(L, H), "attn_sinks": zeros(L, s.query_heads),
        "attn_q": normal(L, q, H, std=fan), "attn_k": normal(L, kv, H, std=fan), "attn_v": normal(L, kv, H, std=fan),
        "attn_q.bias": zeros(L, q), "attn_k.bias": zeros(L, kv), "attn_v.bias": zeros(L, kv),
        "attn_output": normal(L, H, q, std=0.2 * q ** -0.5), "attn_output.bias": zeros(L, H),
        "ffn_gate_inp": normal(L, E, H, std=fan), "ffn_gate_inp.bias": zeros(L, E),
        "ffn_gate_exps": normal(L, E, W, H, std=fan), "ffn_gate_exps.bias": zeros(L, E, W),
        "ffn_up_exps": normal(L, E, W, H, std=fan), "ffn_up_exps.bias": zeros(L, E, W),
        "ffn_down_exps": normal(L, E, H, W, std=0.2 * W ** -0.5), "ffn_down_exps.bias": zeros(L, E, H),
    }


def working_copies(s, p, rounding, dtype):
    """The weights as the layers use them, a dictionary a layer: matrices in the working type, experts rounded to MXFP4
    by `rounding` (0 … 1)."""
    gate, up, down = (rounded_straight_through(p[n], rounding) for n in ("ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"))
    L, rows = s.layers, s.experts * s.intermediate_size
    stacked = {
        "qkv": torch.cat([p["attn_q"], p["attn_k"], p["attn_v"]], 1).to(dtype),
        "qkv_bias": torch.cat([p["attn_q.bias"], p["attn_k.bias"], p["attn_v.bias"]], 1).to(dtype),
        "o": p["attn_output"].to(dtype), "o_bias": p["attn_output.bias"].to(dtype), "sinks": p["attn_sinks"],
        "norm1": p["attn_norm"], "norm2": p["post_attention_norm"], "router": p["ffn_gate_inp"], "router_bias": p["ffn_gate_inp.bias"],
        "gate_up": torch.cat([gate, up], 1).to(dtype).reshape(L, 2 * rows, s.hidden),
        "gate_up_bias": torch.cat([p["ffn_gate_exps.bias"], p["ffn_up_exps.bias"]], 1).to(dtype).reshape(L, 2 * rows),
        "down": down.to(dtype).permute(0, 2, 1, 3).reshape(L, s.hidden, rows), "down_bias": p["ffn_down_exps.bias"],
    }
    split = {name: value.unbind(0) for name, value in stacked.items()}
    return [{name: parts[layer] for name, parts in split.items()} for layer in range(L)]


def rms_norm(x, gain):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * gain


def rotate(x, cos, sin):
    """x [tokens, heads, size]: pairs (i, i + size/2)."""
    a, b = x.float().chunk(2, -1)
    cos, sin = cos[:, None], sin[:, None]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


def attend_flex(q, k, v, sinks, mask):
    """[1, heads, tokens, size]. out · sigmoid(lse − sink) is the softmax with one more logit that carries no value."""
    out, lse = flex_attention(q, k, v, block_mask=mask, scale=q.shape[-1] ** -0.5, enable_gqa=True, return_lse=True)
    return out * torch.sigmoid(lse - sinks[None, :, None]).unsqueeze(-1).to(out.dtype)


def attend_dense(q, k, v, sinks, first_visible):
    tokens, groups = q.shape[2], q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    scores = (q.float() @ k.float().transpose(-1, -2)) * q.shape[-1] ** -0.5
    index = torch.arange(tokens, device=q.device)
    hidden = (index[None] > index[:, None]) | (index[None] < first_visible[:, None])
    scores = scores.masked_fill(hidden, float("-inf"))
    scores = torch.cat([scores, sinks[None, :, None, None].expand(1, -1, tokens, 1)], -1)
    return (scores.softmax(-1)[..., :-1] @ v.float()).to(q.dtype)


def block(s, attend, x, w, cos, sin, mask):
    """One layer on x [tokens, hidden] (float32) -> x, load-balance penalty."""
    tokens, dtype = x.shape[0], w["qkv"].dtype
    h = rms_norm(x, w["norm1"]).to(dtype)
    q_rows, kv_rows = s.query_heads * s.head_size, s.kv_heads * s.head_size
    q, k, v = F.linear(h, w["qkv"], w["qkv_bias"]).split([q_rows, kv_rows, kv_rows], -1)
    heads = lambda t, n: t.reshape(tokens, n, s.head_size)
    q, k, v = rotate(heads(q, s.query_heads), cos, sin), rotate(heads(k, s.kv_heads), cos, sin), heads(v, s.kv_heads)
    q, k, v = (t.transpose(0, 1)[None].contiguous() for t in (q, k, v))
    out = attend(q, k, v, w["sinks"], mask)[0].transpose(0, 1).reshape(tokens, q_rows)
    x = x + F.linear(out, w["o"], w["o_bias"]).float()

    n = rms_norm(x, w["norm2"])
    logits = F.linear(n, w["router"], w["router_bias"])
    larger = (logits[:, None, :] > logits[:, :, None]).sum(-1)  # how many experts come before this one
    chosen = larger < s.experts_per_token
    share = logits.masked_fill(~chosen, float("-inf")).softmax(-1)
    gate, up = F.linear(n.to(dtype), w["gate_up"], w["gate_up_bias"]).chunk(2, -1)
    gate, up = gate.float().clamp(max=7.0), up.float().clamp(-7.0, 7.0)
    act = gate * torch.sigmoid(1.702 * gate) * (up + 1)
    act = (act.view(tokens, s.experts, s.intermediate_size) * share[:, :, None]).to(dtype).view(tokens, -1)
    x = x + F.linear(act, w["down"]).float() + share @ w["down_bias"]
    balance = s.experts * (logits.softmax(-1).mean(0) * chosen.float().mean(0)).sum() / s.experts_per_token
    return x, balance


def head_loss(x, norm, output, targets, weights):
    """-> mean weighted loss, whether each token was predicted right."""
    logits = F.linear(rms_norm(x, norm).to(output.dtype), output).float()
    losses = F.cross_entropy(logits, targets, reduction="none")
    return (losses * weights).sum() / weights.sum().clamp(min=1), logits.argmax(-1) == targets


def first_visible(starts, window):
    """Index of the first key each token may see: its document's start or the window's, whichever is later."""
    index = torch.arange(len(starts), device=starts.device, dtype=starts.dtype)
    return starts if window is None else torch.maximum(starts, index - (window - 1))


def block_mask(first):
    """flex_attention's mask from first_visible, block by block: what lies between is wholly visible."""
    size, n = 128, len(first) // 128
    blocks = first.view(n, size)
    i = torch.arange(n, device=first.device)
    lowest, whole = blocks[:, 0] // size, (blocks[:, -1] + size - 1) // size
    column, row = i[None], i[:, None]
    full = (column >= whole[:, None]) & (column < row)
    partial = (column >= lowest[:, None]) & (column <= row) & ~full
    order = lambda m: (m.sum(1, dtype=torch.int32)[None, None], torch.argsort(m.to(torch.int8), dim=1, descending=True, stable=True).int()[None, None].contiguous())
    visible = lambda b, h, q, k: (k <= q) & (k >= first[q])
    return BlockMask.from_kv_blocks(*order(partial), *order(full), BLOCK_SIZE=size, mask_mod=visible)
