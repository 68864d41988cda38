"""Answers as JSON after a schema given in the developer message: data taken from a sentence, or an answer in a field."""
import tasks_knowledge as knowledge
import tasks_numbers as numbers
from harmony import Turn, literal
from phrasing import ask, join_and
from tasks_lists import invented
from words import *  # noqa: F403 - all word lists

SIMPLE = {"type": "object"}


def schema(rng, properties, required):
    made = {"type": "object", "properties": properties}
    if rng.random() < 0.85:
        made["required"] = required
    if rng.random() < 0.6:
        made["additionalProperties"] = False
    return made


def person(rng, effort):
    """Data out of a sentence: only what the schema asks for, in its order."""
    name = rng.choice(FIRST_NAMES) if rng.random() < 0.8 else invented(rng).capitalize()
    facts = {  # keys it may have: (value, how the sentence says it)
        ("age", "years"): (rng.randint(1, 99), "is {} years old"), ("city", "town", "location"): (rng.choice(EXTRA_CITIES), "lives in {}"),
        ("pet", "animal"): (rng.choice(ANIMALS), "has a {}"), ("food", "favorite_food"): (rng.choice(FOODS), "likes {}"),
        ("color", "favorite_color"): (rng.choice(COLOURS), "wears {}"), ("thing", "object"): (rng.choice(THINGS), "owns a {}")}
    told = rng.sample(list(facts), rng.randint(1, 4))
    asked = rng.sample(told, rng.randint(1, len(told)))
    said = f"{name} {join_and([facts[keys][1].format(facts[keys][0]) for keys in told])}."
    fields = [(rng.choice(["name", "name", "person", "first_name"]), name)] + [(rng.choice(keys), facts[keys][0]) for keys in asked]
    if rng.random() < 0.3:
        rng.shuffle(fields)
    properties = {key: {"type": rng.choice(["integer", "number"]) if isinstance(v, int) else "string"} for key, v in fields}
    user = ask(rng, ["{s}", "Extract the data: {s}", "Turn this into JSON: {s}", "Fill in the form: {s}", "Extract the information: {s}", "Read this: {s}",
                     "What does this say? {s}", "Give me JSON for this: {s}"], 0.7, s=said)
    answer = literal(dict(fields))
    think = "Fill in the fields." if effort == "low" else f"The answer must be JSON with {', '.join(k for k, _ in fields)}. " + \
        " ".join(f"{k}: {v}." for k, v in fields)
    return Turn(user, [("analysis", think), ("final", answer)], task="structured"), schema(rng, properties, list(properties))


def answer_in_field(rng, effort):
    turn = (knowledge.capital if rng.random() < 0.5 else knowledge.general_fact if rng.random() < 0.6 else knowledge.calendar)(rng, effort)
    key = rng.choice(["answer", "answer", "text", "reply", "response", "result"])
    steps = turn.steps[:-1] + [("final", literal({key: turn.final()}))]
    made = SIMPLE if key == "answer" and rng.random() < 0.4 else schema(rng, {key: {"type": "string"}}, [key])
    return Turn(turn.user, steps, task="structured"), made


def sum_in_field(rng, effort):
    turn = numbers.addition(rng, effort)
    key, total = rng.choice(["sum", "result", "answer", "total", "value"]), int(turn.final().split(" = ")[1].rstrip("."))
    return Turn(turn.user, turn.steps[:-1] + [("final", literal({key: total}))], task="structured"), \
        schema(rng, {key: {"type": rng.choice(["integer", "number"])}}, [key])


def structured(rng, effort):
    """-> turn, (name, description, schema)"""
    turn, made = rng.choice([person, person, answer_in_field, sum_in_field])(rng, effort)
    if made is SIMPLE:
        return turn, ("json_object", "", SIMPLE)
    return turn, (rng.choice(["person", "data", "answer", "result", "record", "output", "response", "schema", "form"]),
                  rng.choice(["", "", "", "The answer", "What is asked for"]), made)
