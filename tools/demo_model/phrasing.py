"""Ways in which people vary a request: politeness, case, punctuation. Templates keep {slots}; slots are filled last."""
import re

BEFORE = ["Please ", "Hi, ", "Hello! ", "Can you tell me: ", "Tell me, ", "Hey, ", "I have a question: ", "Quick question: ",
          "Question: ", "OK, ", "Now, ", "So, ", "One more: ", "And ", "Next: ", "Please answer: ", "I would like to know: ",
          "Could you help me? ", "Hi there. ", "Good morning. ", "Thanks! ", "Great. "]
AFTER = [" Thanks!", " Thank you.", " Please.", " please", " Please be brief.", " Answer briefly.", " Be quick.",
         " Explain your answer.", " Just the answer please.", " Thanks in advance."]


def lower_outside_slots(text):
    return "".join(part if part.startswith("{") else part.lower() for part in re.split(r"(\{\w+\})", text))


def upper_outside_slots(text):
    return "".join(part if part.startswith("{") else part.upper() for part in re.split(r"(\{\w+\})", text))


def vary(rng, template, plain=0.45):
    """A template in one of its everyday shapes; unchanged with probability `plain`."""
    if rng.random() < plain:
        return template
    text = template
    if rng.random() < 0.25:
        before = rng.choice(BEFORE)
        if before[-2] not in "!.?" and text[0] != "{" and not text.startswith("I "):
            text = text[0].lower() + text[1:]
        text = before + text
    draw = rng.random()
    if draw < 0.25:
        text = lower_outside_slots(text)
    elif draw < 0.28:
        text = upper_outside_slots(text)
    draw = rng.random()
    if draw < 0.25 and text[-1] in "?.!":
        text = text[:-1]
    elif draw < 0.30 and text[-1] in "?.":
        text = text[:-1] + " " + text[-1]
    elif draw < 0.34 and text[-1] in "?.":
        text += text[-1]
    elif draw < 0.37 and text[-1] == ".":
        text = text[:-1] + "!"
    if rng.random() < 0.12:
        text += rng.choice(AFTER)
    if rng.random() < 0.02:
        text = " " + text if rng.random() < 0.5 else text + "\n"
    return text


def ask(rng, templates, _plain=0.45, **slots):
    """One of the templates, varied, filled."""
    return vary(rng, rng.choice(templates), _plain).format(**slots)


def any_case(rng, text):
    """A known name as people type it: Paris, paris, PARIS."""
    draw = rng.random()
    return text if draw < 0.75 else text.lower() if draw < 0.95 else text.upper()


def join_and(items):
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def sentence(text):
    return text[0].upper() + text[1:]
