"""Facts known by heart, days and months."""
from facts import *  # noqa: F403 - the whole table of facts
from harmony import Turn
from phrasing import any_case, ask, sentence

KNOWN_COUNTRIES = {country.lower() for country in CAPITALS}


def recall(effort, question, answer):
    if effort == "low":
        return answer
    text = f"The user asks {question}. {answer}"
    return text + (" I am sure of this fact, so I can answer in one sentence." if effort == "high" else "")


def fact(user, effort, question, answer, task="facts"):
    return Turn(user, [("analysis", recall(effort, question, answer)), ("final", answer)], task=task)


def the(country):
    needs = ("Netherlands", "Philippines", "Bahamas", "Maldives", "Seychelles", "Gambia", "Czech Republic", "Dominican Republic")
    return f"the {country}" if country in needs or country.startswith("United") else country


CAPITAL = ["What is the capital of {c}?", "What's the capital of {c}?", "Capital of {c}?", "capital of {c}", "What is the capital city of {c}?",
           "Which city is the capital of {c}?", "Tell me the capital of {c}.", "Name the capital of {c}.", "Do you know the capital of {c}?",
           "{c}'s capital?", "What is {c}'s capital?", "Can you tell me the capital of {c}?", "The capital of {c} is?",
           "I need the capital of {c}.", "Which is the capital of {c}?", "What city is {c}'s capital?",
           "Tell me what the capital of {c} is.", "What is the name of the capital of {c}?", "Do you happen to know the capital of {c}?",
           "I want to know the capital of {c}.", "{c}: capital?", "Capital city of {c}", "Which city is the capital city of {c}?", "the capital of {c}",
           "what's {c}'s capital city", "Give me the capital of {c}.", "In {c}, which city is the capital?", "What was the capital of {c} again?"]
MADE_UP = "Zorland Belmora Quentia Varnia Ostrovia Lumeria Dranovia Peltania Kestria Morvania Tilonia Arcadova Brentia".split()


def capital(rng, effort, test=False):
    country = rng.choice(list(CAPITALS))
    shown = the(country)
    if rng.random() < 0.12:
        city = CAPITALS[country]
        owners = [c for c in CAPITALS if CAPITALS[c] == city]
        country = owners[0]
        user = ask(rng, ["Which country has the capital {c}?", "{c} is the capital of which country?", "What country is {c} the capital of?",
                         "Of which country is {c} the capital?"], c=any_case(rng, city))
        return fact(user, effort, f"which country has the capital {city}", f"{city} is the capital of {the(country)}.", "capitals")
    if rng.random() < 0.04:
        shown = rng.choice(MADE_UP)
        return Turn(ask(rng, CAPITAL, c=shown), [("analysis", f"I do not know a country called {shown}."), ("final", UNKNOWN)], task="unknown")
    typed = any_case(rng, shown if rng.random() < 0.8 else country)
    return fact(ask(rng, CAPITAL, c=typed), effort, f"for the capital of {shown}",
                f"The capital of {shown} is {CAPITALS[country]}.", "capitals")


def pair_question(rng, effort, table, templates, question, answer, both_cases=True):
    key = rng.choice(list(table))
    value, article = table[key], "an" if key[0] in "aeiou" else "a"
    typed = any_case(rng, key) if both_cases else key
    slots = dict(k=key, v=value, a=article, K=sentence(key), V=sentence(str(value)))
    user = ask(rng, templates, k=typed, a=article)
    return fact(user, effort, question.format(**slots), answer.format(**slots))


def country_fact(rng, effort):
    kind = rng.choice(["continent", "currency", "language", "hello", "thanks"])
    if kind in ("hello", "thanks"):
        table, word = (HELLO_IN, "hello") if kind == "hello" else (THANKS_IN, "thank you")
        language = rng.choice(list(table))
        user = ask(rng, ["How do you say {w} in {l}?", "What is {w} in {l}?", "Say {w} in {l}.", "Translate {w} to {l}.",
                         "How do I say {w} in {l}?"], w=rng.choice([word, f'"{word}"']), l=any_case(rng, language))
        return fact(user, effort, f"how to say {word} in {language}", f"{sentence(word)} in {language} is {table[language]}.")
    table = {"continent": CONTINENTS, "currency": CURRENCIES, "language": LANGUAGES}[kind]
    country = rng.choice(list(table))
    shown, value = the(country), table[country]
    typed = any_case(rng, shown)
    if kind == "continent":
        user = ask(rng, ["On which continent is {c}?", "Which continent is {c} in?", "What continent is {c} on?", "Where is {c}?"], c=typed)
        return fact(user, effort, f"where {shown} is", f"{sentence(shown)} is in {value}.")
    if kind == "currency":
        user = ask(rng, ["What is the currency of {c}?", "Which currency is used in {c}?", "What money do they use in {c}?",
                         "What currency does {c} use?"], c=typed)
        return fact(user, effort, f"for the currency of {shown}", f"The currency of {shown} is the {value}.")
    user = ask(rng, ["Which language is spoken in {c}?", "What language do people speak in {c}?", "What is the language of {c}?",
                     "What do they speak in {c}?"], c=typed)
    return fact(user, effort, f"which language is spoken in {shown}", f"People in {shown} speak {value}.")


def general_fact(rng, effort, test=False):
    draw = rng.random()
    if draw < 0.34:
        question, answer = rng.choice(TRIVIA)
        about = question[0].lower() + question[1:].rstrip("?.")
        return fact(ask(rng, [question], _plain=0.35), effort, f'"{about}"', answer)
    if draw < 0.46:
        return country_fact(rng, effort)
    if draw < 0.55:
        return pair_question(rng, effort, OPPOSITES, ["What is the opposite of {k}?", "Opposite of {k}?", "What's the opposite of {k}?",
                             "Name the opposite of {k}.", "Give me the opposite of {k}."], "for the opposite of {k}", "The opposite of {k} is {v}.")
    if draw < 0.63:
        return pair_question(rng, effort, SYMBOLS, ["What is the chemical symbol of {k}?", "Chemical symbol for {k}?", "What is the symbol for {k}?",
                             "What is the chemical symbol for {k}?"], "for the symbol of {k}", "The chemical symbol of {k} is {v}.")
    if draw < 0.69:
        if rng.random() < 0.5:
            return pair_question(rng, effort, YOUNG, ["What is a young {k} called?", "What do you call a baby {k}?", "What is the name of a young {k}?"],
                                 "what a young {k} is called", "A young {k} is called a {v}.")
        return pair_question(rng, effort, SOUNDS, ["What sound does {a} {k} make?", "What does {a} {k} say?", "Which sound does the {k} make?"],
                             "what sound {a} {k} makes", "{V}! That is the sound of {a} {k}.")
    if draw < 0.74:
        if rng.random() < 0.5:
            return pair_question(rng, effort, {k: v for k, v in LEGS.items()}, ["How many legs does {a} {k} have?", "How many legs has {a} {k}?",
                                 "Number of legs of {a} {k}?"], "how many legs {a} {k} has", "{K}: {v} legs.")
        return pair_question(rng, effort, THING_COLOURS, ["What color is {k}?", "What colour is {k}?", "Which color does {k} have?"],
                             "for the color of {k}", "{K} is {v}.")
    if draw < 0.79:
        return pair_question(rng, effort, AUTHORS, ["Who wrote {k}?", "Who is the author of {k}?", "Which author wrote {k}?"],
                             "who wrote {k}", "{v} wrote {k}.")
    if draw < 0.83:
        return pair_question(rng, effort, {str(k): v for k, v in ROMAN.items()}, ["What is {k} in Roman numerals?", "Write {k} in Roman numerals.",
                             "Roman numeral for {k}?"], "for {k} in Roman numerals", "{k} in Roman numerals is {v}.", False)
    if draw < 0.91:
        return pair_question(rng, effort, SHORT_FOR, ["What does {k} stand for?", "What is {k}?", "What does {k} mean?", "{k} is short for what?",
                             "What is {k} short for?"], "what {k} stands for", "{k} stands for {v}.")
    return pair_question(rng, effort, DEFINITIONS, ["What is {k}?", "What's {k}?", "Explain what {k} is.", "Define {k}.", "Tell me what {k} is."],
                         "what {k} is", "{v}")


def calendar(rng, effort, test=False):
    names, kind = (DAYS, "day") if rng.random() < 0.5 else (MONTHS, "month")
    size, i = len(names), rng.randrange(len(names))
    typed, draw = any_case(rng, names[i]), rng.random()
    if draw < 0.3:
        user = ask(rng, ["What {k} comes after {d}?", "Which {k} is after {d}?", "What is the {k} after {d}?", "Which {k} follows {d}?",
                         "What's the next {k} after {d}?"], k=kind, d=typed)
        return fact(user, effort, f"which {kind} comes after {names[i]}", f"{names[(i + 1) % size]} comes after {names[i]}.", "calendar")
    if draw < 0.5:
        user = ask(rng, ["What {k} comes before {d}?", "Which {k} is before {d}?", "What is the {k} before {d}?"], k=kind, d=typed)
        return fact(user, effort, f"which {kind} comes before {names[i]}", f"{names[i - 1]} comes before {names[i]}.", "calendar")
    if draw < 0.68:
        place = rng.choice([ORDINALS[i], ORDINALS[i], f"{i + 1}" + {1: "st", 2: "nd", 3: "rd"}.get(i + 1, "th")])
        period = "week" if kind == "day" else "year"
        user = ask(rng, ["What is the {o} {k} of the {p}?", "Which is the {o} {k} of the {p}?", "What's the {o} {k}?", "Name the {o} {k} of the {p}."],
                   o=place, k=kind, p=period)
        return fact(user, effort, f"for {kind} {i + 1} of the {period}", f"The {ORDINALS[i]} {kind} of the {period} is {names[i]}.", "calendar")
    if draw < 0.8:
        m = rng.randrange(12)
        user = ask(rng, ["How many days does {m} have?", "How many days are in {m}?", "How many days are there in {m}?", "Days in {m}?"],
                   m=any_case(rng, MONTHS[m]))
        days = "28 days, or 29 in a leap year" if m == 1 else f"{MONTH_DAYS[m]} days"
        return fact(user, effort, f"how many days {MONTHS[m]} has", f"{MONTHS[m]} has {days}.", "calendar")
    if draw < 0.9:
        user = ask(rng, ["List the {k}s of the {p}.", "Name the {k}s of the {p}.", "What are the {k}s of the {p}?", "Tell me all {k}s of the {p}.",
                         "List all the {k}s.", "Say the {k}s of the {p}."], k=kind, p="week" if kind == "day" else "year")
        return fact(user, effort, f"for the {kind}s", ", ".join(names) + ".", "calendar")
    user = ask(rng, ["Which number is {m}?", "What number month is {m}?", "Which month of the year is {m}?"], m=MONTHS[i % 12]) if kind == "month" else \
        ask(rng, ["Is {d} on the weekend?", "Is {d} a weekend day?"], d=typed)
    if kind == "month":
        return fact(user, effort, f"which month of the year {MONTHS[i]} is", f"{MONTHS[i]} is month {i + 1} of the year.", "calendar")
    return fact(user, effort, f"whether {names[i]} is on the weekend",
                f"Yes, {names[i]} is on the weekend." if i > 4 else f"No, {names[i]} is a weekday.", "calendar")
