"""Cuts the demo vocabulary out of o200k: every byte, the tokens the training text uses most, then ASCII tokens in rank
order, all of them kept in rank order so that ids stay ranks. Never a token with two digits: sums are learned digit by
digit. Usage: vocabulary.py o200k_base.tiktoken vocabulary.json"""
import base64
import collections
import json
import random
import sys

from bpe import Tokenizer, merge, split_pieces

SIZE = 4096
COMMON = 300  # uses in the sample of the training text that earn a token its place
SPECIALS = ["<|startoftext|>", "<|endoftext|>", "<|return|>", "<|constrain|>", "<|channel|>", "<|start|>", "<|end|>", "<|message|>", "<|call|>",
            "<|endofprompt|>"]


def load(path):
    data = json.load(open(path))
    return Tokenizer([token.encode("latin-1") for token in data["tokens"]], data["specials"])


def plain_words(tokenizer):
    """Tokens that read as words: copied in training so that no token stays strange to the model."""
    return sorted({t.strip().decode() for t in tokenizer.tokens if t.isascii() and t.strip().isalpha() and len(t.strip()) > 1})


class PieceCounter:
    special = {name: None for name in SPECIALS}

    def __init__(self):
        self.pieces = collections.Counter()

    def encode(self, text):
        self.pieces.update(split_pieces(text))
        return []


def few_digits(token):
    return sum(48 <= byte <= 57 for byte in token) < 2


def cut(ranks):
    from documents import SHARES, Writer
    counter = PieceCounter()
    writer = Writer(random.Random(7), counter, [])
    for stream in SHARES:
        for number in range(6000):
            writer.level = number % 4
            writer.document(stream)
    wanted = collections.Counter()
    for piece, count in counter.pieces.items():
        for token in merge(piece.encode(), ranks):
            if few_digits(token):
                wanted[token] += count
    kept = {bytes([i]) for i in range(256)}

    def keep(token):
        path = set()
        assert merge(token, ranks, path) == [token]
        kept.update(path | {token})

    room = SIZE - len(SPECIALS)
    for token, count in wanted.most_common():
        if count >= COMMON and len(kept) < room - 12:
            keep(token)
    print(f"{len(kept)} tokens from the training text")
    for token in ranks:
        if len(kept) >= room:
            break
        if token.isascii() and few_digits(token) and len(token) < 12:
            path = set()
            merge(token, ranks, path)
            if len(kept | path | {token}) <= room:
                keep(token)
    return sorted(kept, key=ranks.get)


def main(source, target):
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in open(source, "rb"))}
    tokens = cut(ranks)
    short = {token: rank for rank, token in enumerate(tokens)}
    for token in tokens:  # every token can be reached by merging its bytes
        assert merge(token, short) == [token], token
    json.dump({"specials": SPECIALS, "tokens": [token.decode("latin-1") for token in tokens]}, open(target, "w"), indent=0)
    print(f"{len(tokens)} tokens and {len(SPECIALS)} special tokens -> {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])
