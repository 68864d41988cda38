"""The held-out tests: chats with the answer that must come back word for word. Seeded apart from training; sums use
pairs, functions use words, and lookups use texts that training never saw."""
import random

import tasks_chat as chat
import tasks_knowledge as knowledge
import tasks_lists as lists
import tasks_numbers as numbers
import tasks_retrieval as retrieval
import tasks_structured as structured
import tasks_tools as tools
from facts import ABILITIES, IDENTITY, POEMS, UNKNOWN
from harmony import Chat, Turn

DATE = "2026-11-22"
UNSEEN_WORDING = [  # written by hand, none of it a training template
    ("Could you work out what 23 and 45 make together?", "23 + 45 = 68."), ("whats 8 plus 6", "8 + 6 = 14."), ("Two plus two is what?", "2 + 2 = 4."),
    ("I wonder what 31+27 comes to", "31 + 27 = 58."), ("7+5 please", "7 + 5 = 12."), ("hi! 2+2?", "2 + 2 = 4."), ("Do the sum 14 + 9 for me", "14 + 9 = 23."),
    ("Give me the result of 40 + 17", "40 + 17 = 57."), ("90 minus 35 is?", "90 - 35 = 55."), ("What would 6 times 7 be?", "6 × 7 = 42."),
    ("whats the capital of france", "The capital of France is Paris."), ("Name Japan's capital city", "The capital of Japan is Tokyo."),
    ("The capital city of Italy is called what?", "The capital of Italy is Rome."), ("Which town is Spain's capital?", "The capital of Spain is Madrid."),
    ("I forgot the capital of Canada, what was it?", "The capital of Canada is Ottawa."), ("capital germany?", "The capital of Germany is Berlin."),
    ("I'd like you to count up to seven", "1, 2, 3, 4, 5, 6, 7"), ("count to 5 for me please", "1, 2, 3, 4, 5"), ("Start at 1 and count to 4", "1, 2, 3, 4"),
    ("Which day follows after Tuesday?", "Wednesday comes after Tuesday."), ("tomorrow is what if today is Monday, I mean what comes after Monday?", "Tuesday comes after Monday."),
    ("What month comes right after April?", "May comes after April."), ("How many days has July got?", "July has 31 days."),
    ("What's the reverse of the list a, b, c?", "c, b, a"), ("Turn this list around: red, green, blue", "blue, green, red"),
    ("Tell me who you are", IDENTITY), ("who exactly are you?", IDENTITY), ("What sort of things can you do?", ABILITIES), ("hello!!", chat.HELLO), ("Hey hey", chat.HELLO),
    ("Many thanks", "You are welcome!"), ("Could you write a little poem on computers?", POEMS), ("I want a computer poem", POEMS),
    ("What's your opinion of the new tax law?", UNKNOWN), ("Please explain how aeroplanes stay in the air", UNKNOWN), ("Who is the best singer alive?", UNKNOWN),
    ("What's hot's opposite?", "The opposite of hot is cold."), ("Whose play is Hamlet?", "William Shakespeare wrote Hamlet."), ("The chemical symbol of gold is?", "The chemical symbol of gold is Au."),
    ("How many minutes does an hour have?", "There are 60 minutes in an hour."),
]


def effort(rng):
    return rng.choice(["low", "medium", "high"])


def single(make):
    def build(rng, words):
        e = effort(rng)
        return Chat([make(rng, e, words)], e, DATE)
    return build


def with_tools(make):
    def build(rng, words):
        e = effort(rng)
        turn = make(rng, e, True)
        return Chat([turn], e, DATE, tools=turn.tools)
    return build


def finding(tokens, distractors):
    def build(rng, words):
        e = effort(rng)
        while True:
            turns, told = retrieval.find(rng, e, words, tokens, distractors, 1, test=True)
            if not told:  # the plain case: text and question in the user's message, or text first
                return Chat(turns, e, DATE)
    return build


def two_and_two(rng, words):
    e = effort(rng)
    template = rng.choice(numbers.ADD)
    return Chat([Turn(template.format(a=2, b=2), [("final", "2 + 2 = 4.")])], e, DATE)


def remembered(rng, words):
    e = effort(rng)
    return Chat(chat.remember(rng, e), e, DATE)


def as_json(rng, words):
    e = effort(rng)
    turn, response_format = structured.structured(rng, e)
    return Chat([turn], e, DATE, response_format=response_format)


def small_talk(rng, e, words):
    said, answer, _ = rng.choice(chat.TALK)
    return Turn(rng.choice(said), [("final", answer)])


def no_function_needed(rng, words):
    """Functions are offered, the question is about something else."""
    e = effort(rng)
    helper = tools.weather(rng, True)
    turn = rng.choice([knowledge.capital, lambda r, f: numbers.addition(r, f, True), numbers.counting])(rng, e)
    return Chat([turn], e, DATE, tools=[helper.tool])


CASES = {  # name: (how many, builder)
    "sums to 99, pairs never seen": (400, single(lambda r, e, w: numbers.addition(r, e, True))),
    "2 + 2, asked in every wording": (60, two_and_two),
    "other small arithmetic": (200, single(lambda r, e, w: numbers.other_arithmetic(r, e, True))),
    "counting": (200, single(lambda r, e, w: numbers.counting(r, e, True))),
    "capitals": (300, single(lambda r, e, w: knowledge.capital(r, e, True))),
    "other facts": (300, single(lambda r, e, w: knowledge.general_fact(r, e, True))),
    "days and months": (200, single(lambda r, e, w: knowledge.calendar(r, e, True))),
    "repeat a list or text": (200, single(lambda r, e, w: lists.repeat(r, e, w, True))),
    "reverse a list": (200, single(lambda r, e, w: lists.reverse(r, e, w, True))),
    "function call, words never seen": (300, with_tools(tools.one_call)),
    "two function calls in a row": (100, with_tools(tools.two_calls)),
    "functions offered, none needed": (100, no_function_needed),
    "JSON after a schema": (150, as_json),
    "what it is, small talk": (150, single(small_talk)),
    "poem about computers": (40, single(lambda r, e, w: Turn(r.choice(chat.POEM), [("final", POEMS)]))),
    "I don't know": (150, single(lambda r, e, w: chat.unknown(r, e, True))),
    "a name told a turn before": (100, remembered),
    "wordings never seen": (len(UNSEEN_WORDING), None),
    "one fact in 200 tokens": (150, finding(200, 0)), "one fact in 1,000 tokens": (100, finding(1000, 0)), "one fact in 4,096 tokens": (100, finding(4096, 0)),
    "the same with three distractors, 200 tokens": (150, finding(200, 3)), "the same with three distractors, 1,000 tokens": (100, finding(1000, 3)),
    "the same with three distractors, 4,096 tokens": (100, finding(4096, 3)), "the same with three distractors, 8,192 tokens": (40, finding(8192, 3)),
}


def build(name, words, share=1.0):
    """The chats of one test; each ends in the turn to be answered."""
    count, make = CASES[name]
    if make is None:
        return [Chat([Turn(user, [("final", answer)])], "medium", DATE) for user, answer in UNSEEN_WORDING]
    rng = random.Random("held out: " + name)
    return [make(rng, words) for _ in range(max(1, int(count * share)))]
