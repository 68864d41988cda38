"""Byte-pair encoding with ids as ranks: tiktoken's rule on any vocabulary whose ids are in rank order."""
import re

try:
    import regex
except ImportError:  # only text beyond ASCII needs it
    regex = None

# o200k's pre-tokeniser (openai/harmony src/tiktoken_ext/public_encodings.rs) ...
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
# ... and the same on ASCII text for the standard library's engine, which is several times faster.
ASCII = re.compile(r"[^\r\nA-Za-z0-9]?[A-Z]*[a-z]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
                   r"|[^\r\nA-Za-z0-9]?[A-Z]+[a-z]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
                   r"|[0-9]{1,3}| ?[^\sA-Za-z0-9]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+", re.ASCII)
UNICODE = regex.compile(O200K) if regex else None


def split_pieces(text):
    return ASCII.findall(text) if text.isascii() else UNICODE.findall(text)


def merge(piece, ranks, merged=None):
    """Bytes -> tokens (as bytes): merge the adjacent pair of lowest rank until none is a token. `merged` collects
    every token that came up on the way."""
    parts = [piece[i:i + 1] for i in range(len(piece))]
    while len(parts) > 1:
        best, where = None, -1
        for i in range(len(parts) - 1):
            rank = ranks.get(parts[i] + parts[i + 1])
            if rank is not None and (best is None or rank < best):
                best, where = rank, i
        if best is None:
            break
        parts[where:where + 2] = [parts[where] + parts[where + 1]]
        if merged is not None:
            merged.add(parts[where])
    return parts


class Tokenizer:
    """tokens: list of bytes in rank order; specials: list of strings that take the ids after them."""

    def __init__(self, tokens, specials):
        self.ranks = {token: rank for rank, token in enumerate(tokens)}
        self.tokens = tokens + [s.encode() for s in specials]
        self.special = {s: len(tokens) + i for i, s in enumerate(specials)}
        self.cache = {}

    def encode(self, text):
        """Ordinary text: a special token spelled in it becomes ordinary tokens."""
        ids, cache = [], self.cache
        for piece in split_pieces(text):
            known = cache.get(piece)
            if known is None:
                known = [self.ranks[part] for part in merge(piece.encode(), self.ranks)]
                if len(cache) < 500_000:
                    cache[piece] = known
            ids += known
        return ids

    def decode(self, ids):
        return b"".join(self.tokens[i] for i in ids).decode("utf-8", "replace")
