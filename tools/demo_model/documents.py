"""The mixture: which task comes how often, how turns become chats, how long the searched texts are at each level."""
import math

import tasks_chat as chat
import tasks_knowledge as knowledge
import tasks_lists as lists
import tasks_numbers as numbers
import tasks_retrieval as retrieval
import tasks_structured as structured
import tasks_tools as tools
from harmony import Chat, Renderer, Turn

EFFORTS = ["low", "medium", "medium", "high"]
TASKS = ["addition", "arithmetic", "counting", "capitals", "facts", "calendar", "lists", "repeat", "chat", "poem", "unknown", "remember", "tool call",
         "two calls", "no call", "structured", "table", "find", "find far"]

# share of the training tokens by stream
SHARES = {"numbers": 0.12, "counting": 0.03, "knowledge": 0.12, "lists": 0.07, "chat": 0.10, "tools": 0.20, "structured": 0.04, "table": 0.07,
          "find": 0.10, "find far": 0.15}
LEVELS = 6  # of text length: level n has up to LENGTHS[n] tokens
LENGTHS = [60, 150, 400, 1000, 2200, 4600]


class Writer:
    """Writes training documents. level (0 … LEVELS-1) sets how far and among how many others facts must be found."""

    def __init__(self, rng, tokenizer, words):
        self.rng, self.words, self.level = rng, words, 0
        self.renderer = Renderer(tokenizer)

    def date(self):
        r = self.rng
        return "" if r.random() < 0.12 else f"{r.randint(2024, 2028)}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}"

    def short_turn(self, stream, effort, date):
        r, draw = self.rng, self.rng.random()
        if stream == "numbers":
            return numbers.addition(r, effort) if draw < 0.55 else numbers.comparing(r, effort) if draw < 0.6 else numbers.other_arithmetic(r, effort)
        if stream == "counting":
            return numbers.counting(r, effort)
        if stream == "knowledge":
            return knowledge.capital(r, effort) if draw < 0.4 else knowledge.general_fact(r, effort) if draw < 0.82 else knowledge.calendar(r, effort)
        if stream == "lists":
            return lists.reverse(r, effort, self.words) if draw < 0.4 else lists.repeat(r, effort, self.words) if draw < 0.75 else \
                lists.look_into(r, effort, self.words) if draw < 0.92 else lists.spell(r, effort, self.words)
        if stream == "chat":
            return chat.small_talk(r, effort) if draw < 0.35 else chat.poem(r, effort) if draw < 0.57 else chat.unknown(r, effort) if draw < 0.92 else \
                chat.date_today(r, effort, date) if draw < 0.97 else chat.name_not_told(r, effort) if draw < 0.985 else retrieval.never_told(r, effort)
        return tools.one_call(r, effort) if draw < 0.82 else tools.two_calls(r, effort) if draw < 0.93 else tools.missing_function(r, effort)

    def any_short(self, effort, date):
        return self.short_turn(self.rng.choice(["numbers", "counting", "knowledge", "knowledge", "lists", "chat", "chat"]), effort, date)

    def short_chat(self, stream):
        """One task, often after turns about something else, sometimes with functions that are not needed."""
        r, effort, date = self.rng, self.rng.choice(EFFORTS), self.date()
        last = self.short_turn(stream, effort, date)
        offered, history = last.tools, []
        told_instructions = chat.instructions(r) if r.random() < 0.3 else ""
        if r.random() < 0.3:
            for _ in range(r.choice([1, 1, 2, 2, 3, 6])):
                history.append(self.any_short(effort, date))
        elif stream == "tools" and r.random() < 0.2:
            first, last = tools.call_twice(r, effort)
            history, offered = [first], last.tools
        if stream == "chat" and r.random() < 0.1:
            first, last = chat.remember(r, effort)
            history = history[:1] + [first] + ([self.any_short(effort, date)] if r.random() < 0.4 else [])
        if not offered and last.task not in ("no call", "addition", "arithmetic", "lists", "counting") and r.random() < 0.15 or \
                not offered and last.task in ("addition", "counting", "lists") and r.random() < 0.08:
            helper = tools.weather(r, False) if r.random() < 0.5 else tools.any_request(r)
            words_in = (helper.tool["name"] + helper.tool["description"]).lower()
            if not any(w in words_in for w in ("arithmetic", "calc", "number", "time", "translat", "search", "news", "book", "capital", "eval", "formula")):
                offered = tools.offer(r, [helper], few=True)
        if r.random() < 0.04 and self.level > 1:  # a long text that has nothing to do with the question
            text = " ".join(retrieval.haystack(r, self.words, r.randint(30, 600)))
            if r.random() < 0.5:
                told_instructions = text
            elif last.task not in ("lists", "repeat") and not offered:
                last = Turn(text + r.choice([" ", "\n\n"]) + last.user, last.steps, task=last.task)
        return Chat(history + [last], effort, date, instructions=told_instructions, tools=offered, with_system=r.random() > 0.02), last.task

    def structured_chat(self):
        r, effort = self.rng, self.rng.choice(EFFORTS)
        turn, response_format = structured.structured(r, effort)
        return Chat([turn], effort, self.date(), instructions=chat.instructions(r) if r.random() < 0.3 else "", response_format=response_format), "structured"

    def tokens_wanted(self, far):
        low, high = (LENGTHS[max(0, self.level - 2)], LENGTHS[self.level]) if far else (8, LENGTHS[min(self.level, 2)])
        return int(math.exp(self.rng.uniform(math.log(low), math.log(high))))

    def find_chat(self, far):
        r, effort = self.rng, self.rng.choice(EFFORTS)
        most = [1, 2, 4, 5, 6, 6][self.level]
        distractors = r.choice([0, r.randint(0, most), most, 3 if most >= 3 else most])
        wanted = self.tokens_wanted(far)
        turns, told = retrieval.find(r, effort, self.words, wanted, distractors, r.randint(2, 4) if wanted > 300 else r.randint(1, 3))
        if not told and r.random() < 0.2:
            told = chat.instructions(r)
        return Chat(turns, effort, self.date(), instructions=told, with_system=r.random() > 0.02), "find far" if wanted > 1000 else "find"

    def table_chat(self):
        r, effort = self.rng, self.rng.choice(EFFORTS)
        pairs = r.randint(2, [4, 8, 16, 24, 30, 40][self.level])
        return Chat([retrieval.table(r, effort, self.words, pairs)], effort, self.date()), "table"

    def document(self, stream):
        """-> token ids, weights (as 0…100), task number"""
        if stream == "table":
            made, task = self.table_chat()
        elif stream == "structured":
            made, task = self.structured_chat()
        elif stream in ("find", "find far"):
            made, task = self.find_chat(stream == "find far")
        else:
            made, task = self.short_chat(stream)
        ids, weights = self.renderer.render(made)
        return ids, weights, TASKS.index(task)
