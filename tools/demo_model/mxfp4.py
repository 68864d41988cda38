"""MXFP4: 32 values share a power of two, each value is one of 0 ½ 1 1½ 2 3 4 6 with a sign (OCP Microscaling)."""
import torch

BLOCK = 32


def nearest(y):
    """|values| already divided by the scale -> the nearest level, at most 6."""
    return torch.where(y < 2, torch.round(y * 2) / 2, torch.where(y < 4, torch.round(y), torch.round(y / 2) * 2)).clamp(max=6.0)


def scales_and_levels(weights):
    """-> exponents [..., blocks, 1] and signed levels [..., blocks, 32]. Of the two exponents in question (the largest
    value clipped a little, or a coarser grid for all) the one with the smaller squared error is taken."""
    blocks = weights.float().reshape(*weights.shape[:-1], -1, BLOCK)
    largest = blocks.abs().amax(-1, keepdim=True).clamp(min=2.0 ** -100)
    low = torch.floor(torch.log2(largest)) - 2
    best = None
    for exponent in (low, low + 1):
        scale = torch.exp2(exponent)
        levels = nearest(blocks.abs() / scale) * torch.sign(blocks)
        error = (levels * scale - blocks).square().sum(-1, keepdim=True)
        if best is None:
            best = (exponent, levels, error)
        else:
            better = error < best[2]
            best = (torch.where(better, exponent, best[0]), torch.where(better, levels, best[1]), error)
    return best[0], best[1]


def rounded(weights):
    exponents, levels = scales_and_levels(weights)
    return (levels * torch.exp2(exponents)).reshape(weights.shape)


def rounded_straight_through(weights, share):
    """Forward with rounded weights, backward as if they were not; share 0 leaves them alone, 1 rounds fully."""
    return weights + share * (rounded(weights) - weights).detach()
