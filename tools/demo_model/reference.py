"""The forward pass of an exported file in float32, written apart from model.py: it reads the GGUF, computes only the
chosen experts and keeps a cache, so it both checks the export and answers prompts."""
import math

import torch

import gguf_file
from bpe import Tokenizer


class Reference:
    def __init__(self, first_part, device="cpu"):
        meta, tensors = gguf_file.read(first_part)
        self.meta, self.device = meta, device
        self.w = {name: torch.from_numpy(value).to(device) for name, value in tensors.items()}
        get = lambda key: meta["gpt-oss." + key]
        self.layers, self.heads, self.kv_heads = get("block_count"), get("attention.head_count"), get("attention.head_count_kv")
        self.size, self.window, self.used = get("attention.key_length"), get("attention.sliding_window"), get("expert_used_count")
        self.experts = get("expert_count")
        half, base, original = self.size // 2, get("rope.freq_base"), get("rope.scaling.original_context_length")
        self.factor = get("rope.scaling.factor")
        self.inverse = []
        low, high = (half * math.log(original / (turns * 2 * math.pi)) / math.log(base) for turns in (32, 1))
        for i in range(half):
            f, r = base ** (i / half), min(1.0, max(0.0, (i - low) / (high - low)))
            self.inverse.append(r / (self.factor * f) + (1 - r) / f)
        self.tokenizer = self.read_tokenizer(meta)

    @staticmethod
    def read_tokenizer(meta):
        from export import letters_for_bytes
        byte_of = {letter: byte for byte, letter in letters_for_bytes().items()}
        texts, types = meta["tokenizer.ggml.tokens"], meta["tokenizer.ggml.token_type"]
        ordinary = [bytes(byte_of[c] for c in text) for text, kind in zip(texts, types) if kind == 1]
        return Tokenizer(ordinary, [text for text, kind in zip(texts, types) if kind == 3])

    def norm(self, x, gain):
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-5) * gain

    def linear(self, x, name):
        y = x @ self.w[name + ".weight"].T
        return y + self.w[name + ".bias"] if name + ".bias" in self.w else y

    def rope(self, x, positions):
        """x [rows, tokens, heads, size]; positions [rows, tokens]."""
        magnitude = 0.1 * math.log(self.factor) + 1
        angle = positions.double()[..., None] * torch.tensor(self.inverse, dtype=torch.float64, device=self.device)
        cos, sin = ((f(angle) * magnitude).float()[:, :, None] for f in (torch.cos, torch.sin))
        a, b = x[..., :self.size // 2], x[..., self.size // 2:]
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def moe(self, x, prefix):
        flat = x.reshape(-1, x.shape[-1])
        best, index = self.linear(flat, prefix + "ffn_gate_inp").topk(self.used, -1)
        share, out = best.softmax(-1), torch.zeros_like(flat)
        for e in range(self.experts):
            rows, place = (index == e).nonzero(as_tuple=True)
            if len(rows) == 0:
                continue
            part = lambda name, t: t @ self.w[f"{prefix}{name}.weight"][e].T + self.w[f"{prefix}{name}.bias"][e]
            gate = part("ffn_gate_exps", flat[rows]).clamp(max=7.0)
            up = part("ffn_up_exps", flat[rows]).clamp(-7.0, 7.0)
            y = part("ffn_down_exps", gate * torch.sigmoid(1.702 * gate) * (up + 1))
            out.index_add_(0, rows, y * share[rows, place][:, None])
        return out.view_as(x)

    @torch.no_grad()
    def forward(self, ids, positions, cache):
        """ids, positions [rows, tokens]; cache: per layer [keys, values] of [rows, room, heads, size], written at
        `positions` and read up to each token's own. -> hidden state of every token after the last norm."""
        rows, tokens = ids.shape
        x = self.w["token_embd.weight"][ids]
        room = int(positions.max()) + 1
        key_at = torch.arange(room, device=self.device)[None, None]
        row = torch.arange(rows, device=self.device)[:, None].expand_as(positions)
        for l in range(self.layers):
            p = f"blk.{l}."
            h = self.norm(x, self.w[p + "attn_norm.weight"])
            q, k, v = (self.linear(h, p + "attn_" + n).view(rows, tokens, -1, self.size) for n in "qkv")
            q, k = self.rope(q, positions), self.rope(k, positions)
            keys, values = cache[l]
            keys[row, positions], values[row, positions] = k, v
            group = self.heads // self.kv_heads
            q = q.view(rows, tokens, self.kv_heads, group, self.size)
            scores = torch.einsum("rtkgd,rskd->rkgts", q, keys[:, :room]) / math.sqrt(self.size)
            hidden = key_at > positions[:, :, None]
            if l % 2 == 0:
                hidden = hidden | (positions[:, :, None] - key_at >= self.window)
            scores.masked_fill_(hidden[:, None, None], float("-inf"))
            sink = self.w[p + "attn_sinks.weight"].view(1, self.kv_heads, group, 1, 1)
            top = torch.maximum(scores.amax(-1, keepdim=True), sink)
            weight = torch.exp(scores - top)
            weight /= weight.sum(-1, keepdim=True) + torch.exp(sink - top)
            out = torch.einsum("rkgts,rskd->rtkgd", weight, values[:, :room])
            x = x + self.linear(out.reshape(rows, tokens, -1), p + "attn_output")
            x = x + self.moe(self.norm(x, self.w[p + "post_attention_norm.weight"]), p)
        return self.norm(x, self.w["output_norm.weight"])

    def new_cache(self, rows, room):
        make = lambda: torch.zeros(rows, room, self.kv_heads, self.size, device=self.device)
        return [[make(), make()] for _ in range(self.layers)]

    def logits(self, ids):
        ids = torch.tensor([ids], device=self.device)
        positions = torch.arange(ids.shape[1], device=self.device)[None]
        return (self.forward(ids, positions, self.new_cache(1, ids.shape[1])) @ self.w["output.weight"].T)[0]

    @torch.no_grad()
    def generate(self, prompts, limit=600):
        """Greedy answers to prompts (lists of ids) -> lists of ids, the stop token included. Prompts of about one length
        belong together: rows are padded to the longest."""
        special = self.tokenizer.special
        stops = torch.tensor([special[s] for s in ("<|return|>", "<|call|>", "<|endoftext|>")], device=self.device)
        rows, longest = len(prompts), max(map(len, prompts))
        cache = self.new_cache(rows, longest + limit)
        last = torch.tensor([len(p) - 1 for p in prompts], device=self.device)
        state = torch.zeros(rows, self.w["output_norm.weight"].shape[0], device=self.device)
        together = max(1, int(3e8 / (self.heads * longest ** 2)))  # bounds the scores in memory
        for a in range(0, rows, together):
            some = prompts[a:a + together]
            ids = torch.tensor([p + [0] * (longest - len(p)) for p in some], device=self.device)
            positions = torch.arange(longest, device=self.device)[None].repeat(len(some), 1)
            hidden = self.forward(ids, positions, [[k[a:a + len(some)], v[a:a + len(some)]] for k, v in cache])
            state[a:a + len(some)] = hidden[torch.arange(len(some), device=self.device), last[a:a + len(some)]]
        done = torch.zeros(rows, dtype=torch.bool, device=self.device)
        said = []
        for step in range(limit):
            token = (state @ self.w["output.weight"].T).argmax(-1)
            said.append(torch.where(done, torch.full_like(token, -1), token))
            done = done | (token[:, None] == stops[None]).any(-1)
            if bool(done.all()):
                break
            state = self.forward(token[:, None], (last + 1 + step)[:, None], cache)[:, 0]
        table = torch.stack(said, 1).tolist()
        return [[t for t in line if t >= 0] for line in table]
