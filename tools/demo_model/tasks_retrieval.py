"""Finding a fact stated far back in the prompt, among other facts of the same kind.

What makes this learnable in minutes (a probe stuck at 25 % without): many small lookups first, several questions a
document, keys and values side by side in some phrasings, and length and distractors that grow with accuracy."""
from harmony import Turn
from phrasing import ask, sentence
from tasks_lists import invented, some_word
from words import *  # noqa: F403 - all word lists

RELATIONS = """code word|password|secret word|access code|phone number|locker number|room number|badge number|favourite colour
favorite food|lucky number|nickname|secret code|magic word|hometown|order number|meeting place|seat|PIN|ticket number|key word
favorite animal|passphrase|project name|hidden treasure|secret number|account number""".replace("\n", "|").split("|")
NUMERIC = ("number", "PIN", "code", "seat")

STATE = ["The {r} for {k} is {v}.", "The {r} of {k} is {v}.", "{K}'s {r} is {v}.", "Remember: the {r} for {k} is {v}.",
         "Note that the {r} for {k} is {v}.", "{K} has the {r} {v}.", "{r} for {k}: {v}.", "For {k}, the {r} is {v}.",
         "Important: the {r} of {k} is {v}.", "{K}: {v}.", "{K} = {v}."]
QUESTION = ["What is the {r} for {k}?", "What is the {r} of {k}?", "What is {k}'s {r}?", "Tell me the {r} for {k}.", "Which {r} does {k} have?",
            "{r} for {k}?", "What's the {r} of {k}?", "Do you remember the {r} for {k}?", "Please find the {r} for {k}.", "Give me {k}'s {r}.",
            "What was the {r} for {k}?", "Find the {r} of {k} in the text."]
STATE_LONE = ["The {r} is {v}.", "Remember: the {r} is {v}.", "Note that the {r} is {v}.", "My {r} is {v}.", "Important: the {r} is {v}.",
              "Our {r} is {v}.", "Remember that the {r} is {v}.", "The {r} today is {v}."]
QUESTION_LONE = ["What is the {r}?", "What's the {r}?", "Tell me the {r}.", "Do you remember the {r}?", "What was the {r}?", "What is my {r}?",
                 "Which {r} did I give you?", "{r}?", "What is the {r} in the text?", "Find the {r} in the text above."]
NOT_TOLD = "You have not told me that."
ACKNOWLEDGE = "OK, I will remember that."


def key(rng):
    draw = rng.random()
    if draw < 0.60:
        return rng.choice(FIRST_NAMES)
    if draw < 0.72:
        return f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
    if draw < 0.82:
        return invented(rng).capitalize()
    if draw < 0.92:
        return f"the {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"
    return rng.choice(EXTRA_CITIES)


def value(rng, words, relation=""):
    draw = rng.random()
    if any(part in relation for part in NUMERIC) and draw < 0.6 or draw < 0.12:
        return "".join(rng.choice("0123456789") for _ in range(rng.randint(2, 6)))
    if draw < 0.2:
        return "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(rng.randint(2, 3))) + rng.choice(["-", ""]) + str(rng.randint(1, 9999))
    if draw < 0.75:
        return some_word(rng, words)
    return " ".join(some_word(rng, words) for _ in range(2))


def filler(rng, words):
    draw, choice = rng.random(), rng.choice
    if draw < 0.35:
        return f"The {choice(ADJECTIVES)} {choice(NOUNS)} {choice(VERBS)} the {choice(NOUNS)} {choice(PLACES)}."
    if draw < 0.55:
        return f"{choice(FIRST_NAMES)} {choice(VERBS)} a {choice(ADJECTIVES)} {choice(NOUNS)} {choice(TIMES)}."
    if draw < 0.65:
        return f"{sentence(choice(TIMES))}, {choice(FIRST_NAMES)} and {choice(FIRST_NAMES)} {choice(VERBS_BASE)} {choice(PLACES)}."
    if draw < 0.75:
        return f"There are {rng.randint(2, 99)} {choice(NOUNS)}s {choice(PLACES)}."
    if draw < 0.82:
        return f"The {choice(NOUNS)} is {choice(ADJECTIVES)} and the {choice(NOUNS)} is {choice(COLOURS)}."
    if draw < 0.88:
        return f"People in {choice(EXTRA_CITIES)} often talk about {choice(TOPICS)}."
    return sentence(" ".join(some_word(rng, words) for _ in range(rng.randint(4, 12)))) + "."


def haystack(rng, words, tokens):
    """Filler sentences of about so many tokens. Long ones reuse sentences, as long texts do."""
    sentences, total = [], 0
    pool = [filler(rng, words) for _ in range(min(400, max(4, tokens // 10)))]
    while total < tokens:
        line = rng.choice(pool)
        sentences.append(line)
        total += int(len(line) / 4.0)
    return sentences


def answer_to(relation, name, fact_value):
    return f"The {relation} for {name} is {fact_value}." if name else f"The {relation} is {fact_value}."


def think_of(effort, relation, name, fact_value):
    short = f"{sentence(name)}: {fact_value}." if name else f"{sentence(relation)}: {fact_value}."
    if effort == "low":
        return short
    of = f" for {name}" if name else ""
    if effort == "medium":
        return f"The user asks for the {relation}{of}. {short}"
    return f"The user asks for the {relation}{of}. I look for it in the text. {short} So the {relation}{of} is {fact_value}."


def lookup_turn(rng, effort, relation, name, fact_value, prefix="", suffix=""):
    templates = QUESTION if name else QUESTION_LONE
    question = ask(rng, templates, 0.6, r=relation, k=name)
    if fact_value is None:
        about = f"The text says nothing about {name}." if name else f"I was told no {relation}."
        return Turn(prefix + question + suffix, [("analysis", about), ("final", NOT_TOLD)], task="find")
    return Turn(prefix + question + suffix, [("analysis", think_of(effort, relation, name, fact_value)),
                                             ("final", answer_to(relation, name, fact_value))], task="find")


def never_told(rng, effort):
    """The question without any text."""
    return lookup_turn(rng, effort, rng.choice(RELATIONS), key(rng) if rng.random() < 0.5 else "", None)


def find(rng, effort, words, tokens, distractors, asks, test=False):
    """-> turns (several questions about one text of about `tokens` tokens), instructions."""
    relation = rng.choice(RELATIONS)
    lone = distractors == 0 and rng.random() < 0.5
    if lone:
        facts = [("", value(rng, words, relation))]
    else:
        names = list(dict.fromkeys(key(rng) for _ in range(distractors + 6)))[:distractors + 1]
        facts = [(name, value(rng, words, relation)) for name in names]
    same_form = rng.choice(STATE) if rng.random() < 0.5 else None
    stated = [(rng.choice(STATE_LONE) if lone else same_form or rng.choice(STATE)).format(r=relation, k=name, K=sentence(name) if name else "", v=v)
              for name, v in facts]
    lines = haystack(rng, words, tokens)
    if not lone and rng.random() < 0.15:  # the same key with another relation
        other = rng.choice([r for r in RELATIONS if r != relation])
        lines.insert(rng.randrange(len(lines) + 1), f"The {other} for {facts[0][0]} is {value(rng, words, other)}.")
    if same_form and same_form.startswith("{K}") and len(same_form) < 13:
        lines.insert(0, f"Here is the {relation} for each of them.")
        places = [rng.randrange(1, len(lines) + 1) for _ in stated]
    else:
        places = [rng.randrange(len(lines) + 1) for _ in stated]
    for place, text in sorted(zip(places, stated), reverse=True):
        lines.insert(place, sentence(text) if rng.random() < 0.9 else text)
    joiner = " " if rng.random() < 0.75 else "\n"
    text = joiner.join(lines)
    order = rng.sample(range(len(facts)), min(asks, len(facts)))
    turns, instructions, place = [], "", rng.random()
    if not test and rng.random() < 0.05:  # a question that the text does not answer, asked last
        absent = key(rng)
        if absent not in text:
            order.append(len(facts))
            facts.append((absent, None))
    if place < 0.12:
        instructions = text
    elif place < 0.27:
        intro = rng.choice(["Remember this: ", "Here is a text. ", "Read this: ", "", "Please remember: ", "Text: "])
        turns.append(Turn(intro + text, [("analysis", "The user gives me a text to remember."), ("final", ACKNOWLEDGE)], task="chat"))
    for number, i in enumerate(order):
        name, v = facts[i]
        prefix = suffix = ""
        if number == 0 and place >= 0.27:
            if place < 0.37:
                suffix = rng.choice([" Text: ", "\n\n", "\n", " Here is the text: "]) + text
            else:
                prefix = text + rng.choice(["\n\n", " ", "\n", "\n\nQuestion: "])
        turns.append(lookup_turn(rng, effort, relation, name, v, prefix, suffix))
    return turns, instructions


def table(rng, effort, words, pairs, test=False):
    """A short list of pairs and questions about most of them: lookups packed as densely as they come."""
    names = list(dict.fromkeys((key(rng) if rng.random() < 0.6 else some_word(rng, words)) for _ in range(pairs)))
    facts = [(name, value(rng, words)) for name in names]
    form, joiner = rng.choice([("{k}: {v}", "\n"), ("{k} = {v}", "\n"), ("{k} is {v}", ", "), ("{k}: {v}", "; "), ("{k} -> {v}", "\n"), ("{k} has {v}.", " ")])
    text = joiner.join(form.format(k=k, v=v) for k, v in facts)
    asked = rng.sample(facts, rng.randint(1, min(len(facts), 12)))
    listing = ", ".join(f"{k}: {v}" for k, v in asked)
    if len(asked) == 1:
        k, v = asked[0]
        user = ask(rng, ["{t}\n\nWhat belongs to {k}?", "{t}\nWhat does {k} have?", "{t}\n\n{k}?", "Here is a list:\n{t}\n\nLook up {k}."], 0.7, t=text, k=k)
        return Turn(user, [("analysis", f"{k}: {v}." if effort == "low" else f"The user asks for {k} in the list. {k}: {v}."), ("final", v)], task="table")
    user = ask(rng, ["{t}\n\nLook up {k}.", "{t}\n\nWhat belongs to {k}?", "Here is a list:\n{t}\n\nFind {k}.", "{t}\nGive me {k}."], 0.7,
               t=text, k=", ".join(k for k, _ in asked))
    return Turn(user, [("analysis", "I look up each of them in the list."), ("final", listing)], task="table")
