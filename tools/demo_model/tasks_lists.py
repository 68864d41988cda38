"""Copying: lists repeated, reversed and looked into; texts repeated word for word. The plainest copying tasks also
start the attention circuits that finding facts and filling in function arguments need."""
from harmony import Turn
from phrasing import any_case, ask, join_and, vary
from words import COLOURS, EXTRA_CITIES, FIRST_NAMES, FOODS, NOUNS, VERBS_BASE, ADJECTIVES
from facts import CAPITALS, DAYS, MONTHS

SYLLABLES = "ba be bi bo da de di do fa fe ga go ha hi ja jo ka ke ki ko la le li lo ma me mi mo na ne ni no pa pe po ra re " \
            "ri ro sa se si so ta te ti to va ve vi vo wa za ze zo bar den fel gor han kal lin mar nor pel ran sol tal ver win zan".split()


def invented(rng, most=3):
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, most)))


def some_word(rng, vocabulary_words):
    """A word from anywhere: lists people use, any word of the vocabulary, invented ones, numbers."""
    draw = rng.random()
    if draw < 0.40:
        return rng.choice(NOUNS)
    if draw < 0.65 and vocabulary_words:
        return rng.choice(vocabulary_words)
    if draw < 0.72:
        return rng.choice(FIRST_NAMES)
    if draw < 0.78:
        return rng.choice(ADJECTIVES)
    if draw < 0.83:
        return rng.choice(COLOURS)
    if draw < 0.90:
        return invented(rng) if not vocabulary_words or rng.random() < 0.5 else rng.choice(vocabulary_words) + rng.choice(vocabulary_words)
    if draw < 0.96:
        return str(rng.randint(0, 10 ** rng.randint(1, 4)))
    return rng.choice(VERBS_BASE)


def word_list(rng, words, low=2, high=8):
    size, kind = rng.randint(low, high), rng.random()
    pool = (FOODS if kind < 0.08 else COLOURS if kind < 0.14 else FIRST_NAMES if kind < 0.22 else DAYS if kind < 0.25
            else MONTHS if kind < 0.28 else EXTRA_CITIES if kind < 0.32 else list(CAPITALS) if kind < 0.36 else None)
    if pool:
        return rng.sample(pool, min(size, len(pool)))
    if kind < 0.50:
        return [str(rng.randint(0, rng.choice([9, 99, 99, 999]))) for _ in range(size)]
    if kind < 0.55:
        return rng.sample("abcdefghijklmnopqrstuvwxyz" if rng.random() < 0.5 else "ABCDEFGHIJKLMNOPQRSTUVWXYZ", size)
    return list(dict.fromkeys(some_word(rng, words) for _ in range(size + 1)))[:size] or ["one"]


def written(rng, items):
    draw = rng.random()
    return ", ".join(items) if draw < 0.6 else " ".join(items) if draw < 0.75 else join_and(items) if draw < 0.9 else \
        ",".join(items) if draw < 0.95 else "\n".join(items)


def reverse(rng, effort, words, test=False):
    items = word_list(rng, words)
    user = ask(rng, ["Reverse this list: {x}", "Reverse the list {x}", "Reverse: {x}", "Write this list backwards: {x}", "Reverse the order of: {x}",
                     "Say these in reverse order: {x}", "Put these in reverse order: {x}", "Can you reverse this list? {x}", "{x} in reverse order",
                     "Repeat backwards: {x}", "Flip this list: {x}", "List these in reverse: {x}", "Backwards: {x}",
                     "What is {x} backwards?", "Reverse these words: {x}", "Here is a list: {x}. Reverse it.", "{x}\n\nReverse this list."], x=written(rng, items) + rng.choice(["", "", "."]))
    back = ", ".join(reversed(items))
    think = {"low": f"From the end: {back}.", "medium": f"The list is {', '.join(items)}. From the end: {back}.",
             "high": f"The list is {', '.join(items)}. It has {len(items)} items. From the end: {back}. "
                     f"The first is now {items[-1]} and the last is {items[0]}, as it should be."}[effort]
    return Turn(user, [("analysis", think), ("final", back)], task="lists")


def look_into(rng, effort, words, test=False):
    items = word_list(rng, words, 2, 7)
    size, draw = len(items), rng.random()
    listed = ", ".join(items)
    if draw < 0.25:
        user = ask(rng, ["How many items are in this list: {x}", "How many words are in this list? {x}", "Count the items: {x}", "How long is the list {x}?"], x=listed)
        count = ", ".join(f"{item} {i + 1}" for i, item in enumerate(items))
        return Turn(user, [("analysis", f"{count}."), ("final", f"The list has {size} item{'s' if size > 1 else ''}.")], task="lists")
    i = 0 if draw < 0.5 else size - 1 if draw < 0.75 else rng.randrange(size)
    place = "last" if i == size - 1 and draw >= 0.5 else ["first", "second", "third", "fourth", "fifth", "sixth", "seventh"][i]
    user = ask(rng, ["What is the {p} item of this list: {x}", "What is the {p} word in this list? {x}", "Which is the {p} of {x}?",
                     "Give me the {p} item: {x}", "Name the {p} one: {x}"], p=place, x=listed)
    think = f"The {place} is {items[i]}." if effort == "low" else f"The list is {listed}. The {place} is {items[i]}."
    return Turn(user, [("analysis", think), ("final", f"The {place} item is {items[i]}.")], task="lists")


def repeat(rng, effort, words, test=False):
    draw = rng.random()
    if draw < 0.4:
        text = written(rng, word_list(rng, words))
    elif draw < 0.8:
        text = " ".join(some_word(rng, words) for _ in range(rng.randint(1, rng.choice([4, 12, 30]))))
        if rng.random() < 0.5:
            text = text[0].upper() + text[1:] + rng.choice([".", "!", "?", ""])
    else:
        text = rng.choice(["hello", "Hello world", "hello world", "Hello, world!", "yes", "I like trains.", "test", "ok", "good morning",
                           "The quick brown fox jumps over the lazy dog.", "one two three", "I am a computer.", "banana"])
    quoted = f'"{text}"' if rng.random() < 0.2 and "\n" not in text else text
    user = ask(rng, ["Repeat after me: {x}", "Repeat: {x}", "Say {x}", "Repeat this: {x}", "Repeat this list: {x}", "Please repeat: {x}", "Echo: {x}",
                     "Repeat exactly: {x}", "Say exactly this: {x}", "Write: {x}", "Copy this text: {x}", "Say: {x}", "Print {x}", "Repeat the following: {x}", "Can you say {x}", "Repeat these words: {x}", "Type this: {x}", "Say the following: {x}"],
               0.7, x=quoted)
    if user.endswith("\n") or not user.endswith(quoted):
        user = vary(rng, "Repeat after me: {x}", 1).format(x=quoted)
    think = "Repeat the text." if effort == "low" else f"The user wants me to repeat: {text}" if effort == "medium" else \
        f"The user wants me to repeat a text word for word. The text is: {text}"
    return Turn(user, [("analysis", think), ("final", text)], task="repeat")


def spell(rng, effort, words, test=False):
    word = rng.choice(NOUNS + FIRST_NAMES)
    user = ask(rng, ["Spell {w}.", "How do you spell {w}?", "Spell the word {w}.", "Can you spell {w}?"], w=any_case(rng, word))
    letters = "-".join(word.lower())
    think = f"{letters}." if effort == "low" else f"The user wants the letters of {word}: {letters}."
    return Turn(user, [("analysis", think), ("final", letters)], task="lists")
