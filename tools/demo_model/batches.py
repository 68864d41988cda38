"""Training batches: one flat row of documents laid end to end, written by processes beside the training."""
import multiprocessing as mp
import random

import numpy as np

from documents import SHARES, Writer
from vocabulary import load, plain_words


def flat_batch(writer, size, spent):
    """-> tokens, targets, weights (percent), start of the document each token belongs to, task numbers; `size` each.
    The stream furthest behind its share writes next."""
    tokens, targets = np.zeros(size, np.uint16), np.zeros(size, np.uint16)
    weights, starts, tasks = np.zeros(size, np.uint8), np.zeros(size, np.int32), np.zeros(size, np.uint8)
    at = 0
    while at < size:
        total = sum(spent.values()) + 1
        stream = max(SHARES, key=lambda s: SHARES[s] - spent[s] / total)
        ids, weight, task = writer.document(stream)
        spent[stream] += len(ids)
        n = min(len(ids) - 1, size - at)
        tokens[at:at + n], targets[at:at + n] = ids[:n], ids[1:n + 1]
        weights[at:at + n] = np.rint(np.array(weight[1:n + 1]) * 100)
        starts[at:at + n], tasks[at:at + n] = at, task
        at += n
    return tokens, targets, weights, starts, tasks


def feed(vocabulary, seed, size, level, queue):
    tokenizer = load(vocabulary)
    writer, spent = Writer(random.Random(seed), tokenizer, plain_words(tokenizer)), dict.fromkeys(SHARES, 0)
    while True:
        writer.level = level.value
        queue.put(flat_batch(writer, size, spent))
        for stream in spent:  # so that shares hold over the recent past
            spent[stream] *= 0.9


class Feeder:
    def __init__(self, vocabulary, seed, size, processes):
        context = mp.get_context("fork")
        self.level, self.queue = context.Value("i", 0), context.Queue(2 * processes)
        self.processes = [context.Process(target=feed, args=(vocabulary, seed * 1000 + i, size, self.level, self.queue), daemon=True)
                          for i in range(processes)]
        for process in self.processes:
            process.start()

    def next(self):
        return self.queue.get(timeout=120)

    def stop(self):
        for process in self.processes:
            process.terminate()
