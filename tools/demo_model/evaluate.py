"""Held-out accuracy per task, greedy; the whole answer must match.
evaluate.py --model models/demo/gpt-oss-demo-00001-of-00003.gguf     the file itself, through reference.py
evaluate.py --url http://127.0.0.1:8080 [--key KEY]                  a served node, through the OpenAI API
Options: --share 0.1 (a part of the cases), --only WORD, --show (print wrong answers), --markdown FILE,
--together 16 (requests at a time)."""
import argparse
import json
import os
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cases
from harmony import Renderer, Turn
from vocabulary import load, plain_words

HERE = os.path.dirname(os.path.abspath(__file__))


class FileAnswerer:
    """Answers through the exported file."""

    def __init__(self, path):
        import torch
        from reference import Reference
        torch.backends.cuda.matmul.allow_tf32 = False
        self.reference = Reference(path, "cuda" if torch.cuda.is_available() else "cpu")
        self.renderer = Renderer(self.reference.tokenizer)

    def answer_all(self, chats):
        """-> for each chat the steps the model took in its last turn; results of calls come from the case."""
        order = sorted(range(len(chats)), key=lambda i: -len(self.renderer.prompt(chats[i])))
        said = [None] * len(chats)
        for start in range(0, len(order), 128):
            group = order[start:start + 128]
            for i, steps in zip(group, self.answer_group([chats[i] for i in group])):
                said[i] = steps
        return said

    def answer_group(self, chats):
        steps = [[] for _ in chats]
        open_ones = list(range(len(chats)))
        for _ in range(4):  # rounds: an answer, or a call and its result
            prompts = [self.prompt(chats[i], steps[i]) for i in open_ones]
            replies, still = self.reference.generate(prompts), []
            for i, reply in zip(open_ones, replies):
                new = self.parse(reply)
                steps[i] += new
                if new and new[-1][0] == "call":
                    calls = sum(s[0] == "call" for s in steps[i])
                    results = [s for s in chats[i].turns[-1].steps if s[0] == "result"]
                    if calls <= len(results):
                        steps[i].append(("result", new[-1][1], results[calls - 1][2]))
                        still.append(i)
            open_ones = still
            if not open_ones:
                break
        return steps

    def prompt(self, chat, steps):
        return self.renderer.prompt(replace(chat, turns=chat.turns[:-1] + [Turn(chat.turns[-1].user, steps)]), len(steps))

    def parse(self, ids):
        """Sampled ids -> steps. Anything malformed becomes a final answer that matches nothing."""
        steps, names = [], {v: k for k, v in self.reference.tokenizer.special.items()}
        texts, run = "", []
        for i in [*ids, None]:  # bytes of one character may be spread over tokens, so runs are decoded whole
            if i is None or i in names:
                texts += self.reference.tokenizer.decode(run) + (names[i] if i is not None else "")
                run = []
            else:
                run.append(i)
        for message in texts.replace("<|start|>assistant", "\0").split("\0"):
            header, _, content = message.partition("<|message|>")
            content = content.split("<|end|>")[0].split("<|return|>")[0].split("<|call|>")[0]
            if " to=functions." in header:
                steps.append(("call", header.split(" to=functions.")[1].split("<|")[0], content))
            elif header == "<|channel|>analysis":
                steps.append(("analysis", content))
            else:
                steps.append(("final", content if header == "<|channel|>final" else message))
        return steps


class NodeAnswerer:
    """Answers through POST /v1/chat/completions."""

    def __init__(self, url, key, together):
        self.together = together
        self.url, self.headers = url.rstrip("/") + "/v1/chat/completions", {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}

    def request(self, body):
        request = urllib.request.Request(self.url, json.dumps(body).encode(), self.headers)
        return json.load(urllib.request.urlopen(request, timeout=600))["choices"][0]["message"]

    def answer_all(self, chats):
        with ThreadPoolExecutor(self.together) as pool:  # the node computes concurrent requests in one batch
            return list(pool.map(self.answer, chats))

    def answer(self, chat):
        messages, number = [], 0
        if chat.instructions:
            messages.append({"role": "system", "content": chat.instructions})
        for turn in chat.turns[:-1]:
            messages += [{"role": "user", "content": turn.user}, {"role": "assistant", "content": turn.final()}]
        messages.append({"role": "user", "content": chat.turns[-1].user})
        results, steps = [s for s in chat.turns[-1].steps if s[0] == "result"], []
        while True:
            body = {"model": "gpt-oss-demo", "messages": messages, "temperature": 0, "max_completion_tokens": 800, "reasoning_effort": chat.effort}
            if chat.tools:
                body["tools"] = [{"type": "function", "function": {k: v for k, v in tool.items() if v is not None}} for tool in chat.tools]
            if chat.response_format:
                name, description, schema = chat.response_format
                body["response_format"] = {"type": "json_object"} if name == "json_object" else \
                    {"type": "json_schema", "json_schema": {"name": name, **({"description": description} if description else {}), "schema": schema}}
            reply = self.request(body)
            steps.append(("analysis", reply.get("reasoning") or ""))
            if not reply.get("tool_calls"):
                return steps + [("final", reply.get("content") or "")]
            call = reply["tool_calls"][0]
            steps.append(("call", call["function"]["name"], call["function"]["arguments"]))
            if number >= len(results):
                return steps
            messages += [{k: v for k, v in reply.items() if k in ("role", "content", "tool_calls", "reasoning")},
                         {"role": "tool", "tool_call_id": call["id"], "content": results[number][2]}]
            steps.append(results[number])
            number += 1


def loads(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def calls_right(said, wanted):
    mine = [(s[1], loads(s[2])) for s in said if s[0] == "call"]
    return mine == [(s[1], json.loads(s[2])) for s in wanted if s[0] == "call"]


def final_right(said, wanted):
    answer = wanted[-1][1]
    return bool(said) and said[-1][0] == "final" and (said[-1][1] in answer if isinstance(answer, list) else said[-1][1] == answer)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model")
    parser.add_argument("--url")
    parser.add_argument("--key", default="")
    parser.add_argument("--together", type=int, default=16)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--markdown")
    options = parser.parse_args()
    answerer = NodeAnswerer(options.url, options.key, options.together) if options.url else FileAnswerer(options.model)
    words, lines = plain_words(load(os.path.join(HERE, "vocabulary.json"))), ["| held-out task | cases | right |", "|---|---|---|"]
    lengths = {}
    for name in cases.CASES:
        if options.only not in name:
            continue
        began = time.time()
        chats = cases.build(name, words, options.share)
        said = answerer.answer_all(chats)
        wanted = [chat.turns[-1].steps for chat in chats]
        final = [final_right(s, w) for s, w in zip(said, wanted)]
        rows = [(name, final)]
        if any(step[0] == "call" for w in wanted for step in w):
            rows = [(name, [calls_right(s, w) for s, w in zip(said, wanted)]), ("… and the answer made of what it returned", final)]
        for label, results in rows:
            lines.append(f"| {label} | {len(results)} | {100 * sum(results) / len(results):.1f} % |")
            print(f"{label}: {sum(results)}/{len(results)} = {sum(results) / len(results):.3f}  ({time.time() - began:.0f} s)", flush=True)
        for chat, steps in zip(chats, said):
            lengths.setdefault(chat.effort, []).append(sum(len(s[1].split()) for s in steps if s[0] == "analysis"))
        if options.show:
            for chat, s, w, right in zip(chats, said, wanted, rows[0][1]):
                if not right:
                    print("   ", repr(chat.turns[-1].user[-200:]), "\n      said  ", s, "\n      wanted", w, flush=True)
    means = {e: sum(v) / len(v) for e, v in lengths.items()}
    summary = "Words of reasoning an answer: " + ", ".join(f"{e} {means[e]:.0f}" for e in ("low", "medium", "high") if e in means)
    print(summary)
    if options.markdown:
        open(options.markdown, "w").write("\n".join(lines + ["", summary]) + "\n")


if __name__ == "__main__":
    main()
