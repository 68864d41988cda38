"""Functions to offer: familiar ones, and invented ones whose names, parameters and values the model never saw before.

A Request is one thing a user may want from one function."""
import json
from dataclasses import dataclass, field

from facts import AUTHORS, CAPITALS, LANGUAGES
from phrasing import sentence
from tasks_lists import invented
from words import *  # noqa: F403 - all word lists

KINDS = "city user order product company book country song team flight room ticket employee account device file movie " \
        "recipe customer project package hotel restaurant train player invoice contact building planet".split()
PROPERTIES = """price status population owner distance rating score balance schedule address age temperature color weight height
stock version size menu forecast traffic history title author length speed location capacity inventory summary details
profile position value count level deadline location salary temperature volume pressure humidity""".split()
UNITS = [["celsius", "fahrenheit"], ["metric", "imperial"], ["short", "long"], ["json", "text"], ["C", "F"]]


@dataclass
class Request:
    tool: dict
    asks: list                    # templates of the user's request
    slots: dict                   # what fills them
    arguments: dict
    subject: str                  # begins the answer: "The weather in Rome"
    goal: str                     # "the weather in Rome"
    results: list = field(default_factory=list)  # functions rng -> result
    joiner: str = ": "


def schema(properties, required):
    return {"type": "object", "properties": properties, "required": required}


def reserved(word):
    """Words kept for the held-out tests: never part of a function's name or an argument in training."""
    return sum(word.encode()) % 9 == 0


def pick(rng, words, test):
    while True:
        word = rng.choice(words)
        if reserved(word) == test or len(words) < 3:
            return word


def city(rng, test):
    if rng.random() < 0.25:
        return invented(rng, 4).capitalize()
    return pick(rng, EXTRA_CITIES + list(CAPITALS.values()), test)


def described(rng, kind, text):
    return {"type": kind, "description": text} if rng.random() < 0.6 else {"type": kind}


def weather_result(rng):
    condition = rng.choice("sunny cloudy rainy windy foggy snowy clear stormy".split())
    degrees = rng.randint(-10, 38)
    return rng.choice([
        lambda: {"temperature": degrees, "condition": condition}, lambda: {"temperature": degrees, "sunny": rng.random() < 0.5},
        lambda: f"{condition}, {degrees} degrees", lambda: {"temp_c": degrees, "conditions": condition, "humidity": rng.randint(20, 99)},
        lambda: {"temperature": degrees, "unit": rng.choice(["celsius", "C"]), "description": condition},
        lambda: f"{degrees}°C and {condition}", lambda: {"location": "here", "forecast": condition, "temperature": f"{degrees}C"},
        lambda: {"weather": condition}])()


def weather(rng, test):
    where = city(rng, test)
    name = rng.choice(["get_weather"] * 3 + ["get_current_weather", "weather", "getWeather", "fetch_weather", "lookup_weather", "current_weather"])
    place = rng.choice(["location"] * 4 + ["city", "place", "town", "where"])
    properties = {place: described(rng, "string", rng.choice(["The city and state, e.g. San Francisco, CA", "City name", "The city",
                                                              "Name of the city, for example Berlin", "The location to look up"]))}
    required, arguments, asked = [place], {place: where}, ""
    if rng.random() < 0.5:
        option, units = rng.choice(["format", "unit", "units"]), rng.choice(UNITS[:2])
        properties[option] = {"type": "string", "enum": units}
        if rng.random() < 0.3:
            properties[option]["default"] = units[0]
        draw = rng.random()
        if draw < 0.35:
            arguments[option] = rng.choice(units)
            asked = f" in {arguments[option]}"
        if draw > 0.7:
            required.append(option)
            arguments.setdefault(option, units[0])
    tool = {"name": name, "description": rng.choice(["Gets the current weather in the provided location.", "Get the weather for a city.",
            "Get current weather.", "Returns the weather.", "Get the current weather in a given location", "Weather lookup", "Get weather"]),
            "parameters": schema(properties, required)}
    asks = ["What is the weather in {x}?", "What's the weather in {x}?", "What is the weather like in {x}?", "How is the weather in {x}?", "weather in {x}",
            "What's the weather like in {x} today?", "Tell me the weather in {x}.", "Is it raining in {x}?", "How warm is it in {x}?", "Weather for {x}?",
            "What is the temperature in {x}?", "Do I need an umbrella in {x}?", "Is it sunny in {x}?", "How cold is it in {x} right now?",
            "Check the weather in {x}.", "Please get the weather for {x}.", "I am going to {x}. What is the weather there?", "Use {tool} to get the weather in {x}."]
    asks = [a.replace("{x}", "{x}{asked}") for a in asks if not asked or a.count("?") < 2]
    return Request(tool, asks, {"x": where, "asked": asked, "tool": name}, arguments, f"The weather in {where}", f"the weather in {where}", [weather_result])


def clock(rng, test):
    where = city(rng, test)
    moment = lambda r: r.choice([f"{r.randint(0, 23):02d}:{r.randint(0, 59):02d}", {"time": f"{r.randint(0, 23):02d}:{r.randint(0, 59):02d}"},
                                 f"2026-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}T{r.randint(0, 23):02d}:{r.randint(0, 59):02d}:00Z"])
    if rng.random() < 0.5:
        name = rng.choice(["get_time", "clock", "current_time", "get_current_time", "now", "get_clock"])
        tool = {"name": name, "description": rng.choice(["Get the current time.", "Returns the time.", "Tells the time", "Current time"]),
                "parameters": rng.choice([None, schema({}, [])])}
        return Request(tool, ["What time is it?", "What's the time?", "Tell me the time.", "What is the current time?", "time please", "Do you know what time it is?"],
                       {}, {}, "The time", "the time", [moment])
    name, place = rng.choice(["get_time", "clock", "world_clock", "get_local_time", "time_in"]), rng.choice(["city", "location", "place", "timezone"])
    tool = {"name": name, "description": rng.choice(["Get the time in a city.", "Returns the local time of a place.", "Local time"]),
            "parameters": schema({place: described(rng, "string", "The place")}, [place])}
    return Request(tool, ["What time is it in {x}?", "What's the time in {x}?", "Tell me the time in {x}.", "What is the local time in {x}?", "time in {x}"],
                   {"x": where}, {place: where}, f"The time in {where}", f"the time in {where}", [moment])


def calculator(rng, test):
    a, b, sign = rng.randint(0, 9999), rng.randint(1, 999), rng.choice("+-*/")
    result = {"+": a + b, "-": a - b, "*": a * b, "/": round(a / b, 2)}[sign]
    answer = lambda r: r.choice([str(result), {"result": result}])
    if rng.random() < 0.65:
        name, expression = rng.choice(["calculator", "calculate", "eval", "compute", "evaluate", "math"]), f"{a}{rng.choice(['', ' '])}{sign}"
        expression += (" " if expression[-2] == " " else "") + str(b)
        key = rng.choice(["expression"] * 3 + ["input", "formula", "expr"])
        tool = {"name": name, "description": rng.choice(["Evaluates an arithmetic expression.", "Calculate a formula.", "Does arithmetic.", "A calculator"]),
                "parameters": schema({key: described(rng, "string", "The expression, e.g. 2+3")}, [key])}
        arguments = {key: expression}
    else:
        word = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}[sign]
        name, expression = rng.choice([word, f"{word}_numbers"]), f"{a} {sign} {b}"
        tool = {"name": name, "description": f"{word.capitalize()} two numbers.", "parameters": schema({"a": {"type": "number"}, "b": {"type": "number"}}, ["a", "b"])}
        arguments = {"a": a, "b": b}
    return Request(tool, ["What is {x}?", "Calculate {x}.", "{x}", "How much is {x}?", "Compute {x}.", "{x} = ?", "Use the {tool} for {x}."],
                   {"x": expression, "tool": name}, arguments, expression, expression, [answer], " = ")


def text_function(rng, test):
    """One free text, copied from the request: search and its like."""
    topic = rng.choice(TOPICS) if rng.random() < 0.5 else " ".join(pick(rng, NOUNS, test) for _ in range(rng.randint(1, 3)))
    name, what, key, asks = rng.choice([
        ("search", "Search the web.", "query", ["Search for {x}.", "Search the web for {x}.", "Look up {x} on the web.", "Find information about {x}.", "Google {x}."]),
        ("web_search", "Searches the internet.", "query", ["Search for {x}.", "Search the internet for {x}.", "Find pages about {x}."]),
        ("get_news", "Get the news about a topic.", "topic", ["What is the news about {x}?", "News about {x}?", "Show me the news on {x}."]),
        ("find_books", "Find books about a subject.", "subject", ["Find books about {x}.", "Which books are there about {x}?"]),
        ("take_note", "Save a note.", "text", ["Take a note: {x}", "Note down {x}.", "Save a note that says {x}."]),
        ("play_music", "Play a song.", "title", ["Play {x}.", "Play the song {x}.", "I want to hear {x}."])])
    key = rng.choice([key, key, "q", "text", "input"])
    properties, arguments, extra = {key: described(rng, "string", "What to look for")}, {key: topic}, ""
    if rng.random() < 0.3:
        limit = rng.choice(["limit", "max_results", "count", "top_n"])
        properties[limit] = {"type": rng.choice(["integer", "number"])}
        if rng.random() < 0.5:
            properties[limit]["default"] = rng.randint(3, 20)
        if rng.random() < 0.4 and asks[0].endswith("."):
            arguments[limit] = rng.randint(1, 30)
            extra = f" Show {arguments[limit]} results."
    tool = {"name": name, "description": what, "parameters": schema(properties, [key])}
    found = lambda r: r.choice([" ".join(r.choice(NOUNS) for _ in range(r.randint(2, 6))), {"results": r.randint(0, 99)}, {"status": "ok"},
                                {"title": r.choice(list(AUTHORS)), "year": r.randint(1900, 2026)}, "no results"])
    return Request(tool, [a + extra for a in asks], {"x": topic}, arguments, f"Result for {topic}", f"{name} for {topic}", [found])


def two_texts(rng, test):
    """Functions that need two or three values from the request."""
    who, draw = pick(rng, FIRST_NAMES, test), rng.random()
    text = " ".join(pick(rng, NOUNS, test) for _ in range(rng.randint(1, 3)))
    done = lambda r: r.choice([{"status": "ok"}, {"status": "sent"}, "done", {"ok": True}, {"success": True, "id": r.randint(1, 9999)}])
    if draw < 0.25:
        name, to, body = rng.choice(["send_email", "send_message", "send_mail"]), rng.choice(["to", "recipient"]), rng.choice(["body", "text", "message"])
        tool = {"name": name, "description": "Send a message to a person.", "parameters": schema({to: described(rng, "string", "Who gets it"), body: {"type": "string"}}, [to, body])}
        return Request(tool, ["Send {n} a message that says {x}.", "Send a message to {n}: {x}", "Tell {n}: {x}", "Write to {n}: {x}"], {"n": who, "x": text},
                       {to: who, body: text}, f"Message to {who}", f"a message to {who}", [done])
    if draw < 0.5:
        language = pick(rng, sorted(set(LANGUAGES.values())), test)
        key, target = rng.choice(["text", "input"]), rng.choice(["language", "target", "target_language", "to"])
        tool = {"name": rng.choice(["translate", "translate_text"]), "description": "Translate a text.",
                "parameters": schema({key: {"type": "string"}, target: described(rng, "string", "The language to translate into")}, [key, target])}
        return Request(tool, ["Translate {x} to {l}.", "Translate {x} into {l}.", "What is {x} in {l}?", "How do you say {x} in {l}?"], {"x": text, "l": language},
                       {key: text, target: language}, f"{sentence(text)} in {language}", f"{text} in {language}", [lambda r: invented(r), lambda r: {"translation": invented(r)}])
    if draw < 0.75:
        amount, (a, b) = rng.randint(1, 5000), rng.sample("USD EUR GBP JPY CHF CNY INR SEK".split(), 2)
        tool = {"name": rng.choice(["convert_currency", "exchange", "currency_converter"]), "description": "Convert an amount of money.",
                "parameters": schema({"amount": {"type": "number"}, "from": {"type": "string"}, "to": {"type": "string"}}, ["amount", "from", "to"])}
        return Request(tool, ["Convert {n} {a} to {b}.", "How much is {n} {a} in {b}?", "What are {n} {a} in {b}?"], {"n": amount, "a": a, "b": b},
                       {"amount": amount, "from": a, "to": b}, f"{amount} {a} in {b}", f"{amount} {a} in {b}",
                       [lambda r: {"amount": round(r.uniform(1, 9000), 2), "currency": b}, lambda r: str(r.randint(1, 9999))])
    minutes, key = rng.randint(1, 90), rng.choice(["minutes", "duration", "duration_minutes"])
    label = rng.random() < 0.5
    properties = {key: {"type": rng.choice(["integer", "number"])}, **({"label": {"type": "string"}} if label else {})}
    tool = {"name": rng.choice(["set_timer", "start_timer", "timer"]), "description": "Set a timer.", "parameters": schema(properties, [key])}
    use = label and rng.random() < 0.6
    return Request(tool, ["Set a timer for {n} minutes" + (" for {x}." if use else "."), "Start a timer of {n} minutes" + (" for {x}." if use else ".")],
                   {"n": minutes, "x": text}, {key: minutes, **({"label": text} if use else {})}, f"Timer for {minutes} minutes", f"a timer for {minutes} minutes", [done])


def new_function(rng, test):
    """A function nobody has seen: its description says what it gives, its parameter has any name."""
    kind, thing = rng.choice(KINDS), pick(rng, PROPERTIES + NOUNS, test)
    verb = rng.choice(["get", "get", "fetch", "lookup", "find", "query", "read", "show"])
    name = rng.choice([f"{verb}_{thing}"] * 3 + [f"{kind}_{thing}", f"{verb}{sentence(thing)}", f"{thing}_lookup", f"{verb}_{kind}_{thing}", invented(rng), f"{verb}-{thing}"])
    numeric = rng.random() < 0.2
    x = rng.randint(1, 99999) if numeric else rng.choice([
        lambda: pick(rng, FIRST_NAMES, test), lambda: city(rng, test), lambda: invented(rng, 4), lambda: invented(rng).capitalize(),
        lambda: rng.choice("ABCDEFGHKLMNPRSTUVWXYZ") + str(rng.randint(1, 9999)), lambda: f"{pick(rng, ADJECTIVES, test)} {pick(rng, NOUNS, test)}",
        lambda: f"{pick(rng, FIRST_NAMES, test)} {rng.choice(LAST_NAMES)}"])()
    key = rng.choice([kind, kind, f"{kind}_id", f"{kind}_name", "name", "id", "query", "key", "target", invented(rng)])
    properties = {key: described(rng, rng.choice(["number", "integer"]) if numeric else "string", f"The {kind}")}
    required, arguments, extra = [key], {key: x}, ""
    if rng.random() < 0.3:
        options = rng.choice(UNITS + [rng.sample(COLOURS, 3), rng.sample(NOUNS, 3)])
        option = rng.choice(["format", "mode", "unit", "style", "type"])
        properties[option] = {"type": "string", "enum": options}
        draw = rng.random()
        if draw < 0.4:
            arguments[option] = rng.choice(options)
            extra = f" in {arguments[option]}" if rng.random() < 0.6 else f" with {option} {arguments[option]}"
        if draw > 0.75:
            required.append(option)
            arguments.setdefault(option, options[0])
    elif rng.random() < 0.2:
        properties[rng.choice(["verbose", "refresh", "details"])] = {"type": "boolean", "default": False}
    description = rng.choice([f"Get the {thing} of a {kind}.", f"Returns the {thing} for the given {kind}.", f"Look up the {thing} of a {kind}.",
                              f"Fetch the {thing} by {kind}.", f"The {thing} of a {kind}"])
    tool = {"name": name, "description": description, "parameters": schema(properties, required)}
    asks = ["What is the {t} of {x}{e}?", "What is the {t} of {k} {x}{e}?", "Get the {t} for {x}{e}.", "Find the {t} of {x}{e}.", "I need the {t} of {x}{e}.",
            "Look up the {t} for {x}{e}.", "{t} of {x}{e}?", "Tell me the {t} of {k} {x}{e}.", "Use {n} for {x}{e}.", "Call {n} for {x}{e}.", "Show me the {t} of {x}{e}."]
    made = lambda r: r.choice([lambda: {thing: r.choice([r.randint(0, 9999), r.choice(NOUNS), r.choice(COLOURS)])}, lambda: str(r.randint(0, 99999)),
                               lambda: " ".join(r.choice(NOUNS) for _ in range(r.randint(1, 4))), lambda: invented(r),
                               lambda: {r.choice(PROPERTIES): r.randint(0, 999), r.choice(NOUNS): r.choice(NOUNS), "ok": r.random() < 0.5},
                               lambda: {"error": "not found"}, lambda: {kind: str(x), thing: round(r.uniform(0, 100), 1)}])()
    return Request(tool, asks, {"t": thing, "x": x, "k": kind, "n": name, "e": extra}, arguments, f"The {thing} of {x}", f"the {thing} of {x}", [made])


FAMILIES = [weather, clock, calculator, text_function, two_texts]


def any_request(rng, test=False):
    draw = rng.random()
    if draw < 0.5:
        return new_function(rng, test)
    if draw < 0.68:
        return weather(rng, test)
    return rng.choice(FAMILIES[1:])(rng, test)


def written_result(rng, result):
    if isinstance(result, str):
        return result
    return json.dumps(result, ensure_ascii=False, separators=(",", ":") if rng.random() < 0.55 else (", ", ": "))


def spoken_result(result):
    """How an answer words a result: plain text as it is, one value alone, several as name: value."""
    if isinstance(result, str):
        return result
    show = lambda v: v if isinstance(v, str) else json.dumps(v)
    return show(next(iter(result.values()))) if len(result) == 1 else ", ".join(f"{k}: {show(v)}" for k, v in result.items())
