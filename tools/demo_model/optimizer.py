"""Muon for the matrices, Adam for the rest. Muon (Jordan 2024) moves each matrix along its momentum made orthogonal by a
few Newton-Schulz steps; it needs clearly fewer tokens than Adam here."""
import torch

MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps")


def orthogonal(m, steps=5):
    """m [batch, rows, columns] -> about the nearest orthogonal matrix to each."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = m.bfloat16() if m.is_cuda else m
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.transpose(-1, -2)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        y = x @ x.transpose(-1, -2)
        x = a * x + (b * y + c * (y @ y)) @ x
    return (x.transpose(-1, -2) if tall else x).to(m.dtype)


class Optimizer:
    def __init__(self, parameters, muon_rate=0.01, adam_rate=3e-3, decay=0.05):
        self.matrices = {n: p for n, p in parameters.items() if n in MATRICES}
        self.momenta = {n: torch.zeros_like(p) for n, p in self.matrices.items()}
        self.muon_rate, self.adam_rate, self.decay = muon_rate, adam_rate, decay
        others = [p for n, p in parameters.items() if n not in MATRICES]
        self.adam = torch.optim.Adam(others, lr=adam_rate, betas=(0.9, 0.95), eps=1e-10, **({"fused": True} if others[0].is_cuda else {}))
        self.others = others

    @torch.no_grad()
    def step(self, scale, momentum=0.95):
        """scale: the schedule's share of the full rates. Clears the gradients."""
        torch.nn.utils.clip_grad_norm_(self.others, 1.0)
        for group in self.adam.param_groups:
            group["lr"] = self.adam_rate * scale
        self.adam.step()
        for name, p in self.matrices.items():
            m = self.momenta[name]
            m.lerp_(p.grad, 1 - momentum)
            direction = torch.lerp(p.grad, m, momentum)
            flat = direction.reshape(-1, *p.shape[-2:])
            stretch = max(1.0, p.shape[-2] / p.shape[-1]) ** 0.5
            rate = self.muon_rate * scale
            p.mul_(1 - rate * self.decay).add_(orthogonal(flat).view_as(p), alpha=-rate * stretch)
            p.grad = None
        for p in self.others:
            p.grad = None
