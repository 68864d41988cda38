"""Calling functions: choose the right one or none, copy its names, fill in its arguments, use what it returns."""
from harmony import Turn, literal
from phrasing import ask, sentence
from tool_schemas import any_request, calculator, clock, spoken_result, text_function, weather, written_result

NO_FUNCTION = "I cannot look that up without a function for it."


def offer(rng, requests, few):
    """The tools of these requests and some others, in any order; no two of one name."""
    tools = {r.tool["name"]: r.tool for r in requests}
    for _ in range(0 if few else rng.choice([0, 0, 1, 1, 2, 3, 5])):
        other = any_request(rng).tool
        if all(other["name"] != t["name"] and other.get("description") != t.get("description") for t in tools.values()):
            tools[other["name"]] = other
    tools = list(tools.values())
    rng.shuffle(tools)
    return tools


def think_call(effort, request, again=False):
    name = request.tool["name"]
    if effort == "low":
        return f"Call {name}."
    values = ", ".join(f"{k} {v}" for k, v in request.arguments.items())
    text = f"The user {'also wants' if again else 'wants'} {request.goal}. I will call {name}" + (f" with {values}." if values else ".")
    if effort == "high":
        text += f" The function {name} fits" + (f": {request.tool['description']}" if request.tool.get("description") else "") + \
                (" It needs " + ", ".join(request.tool["parameters"]["required"]) + "." if request.tool.get("parameters") and request.tool["parameters"]["required"] else "")
    return text


def think_result(effort, spoken):
    return {"low": f"Result: {spoken}", "medium": f"The function returned: {spoken}",
            "high": f"The function returned a result: {spoken} I will tell the user."}[effort]


def call_steps(rng, effort, request, again=False):
    result = rng.choice(request.results)(rng)
    raw = written_result(rng, result)
    arguments = {k: request.arguments[k] for k in request.tool["parameters"]["properties"] if k in request.arguments} if request.arguments else {}
    steps = [("analysis", think_call(effort, request, again)), ("call", request.tool["name"], literal(arguments)), ("result", request.tool["name"], raw)]
    spoken = spoken_result(result)
    answer = request.subject + request.joiner + spoken + ("" if spoken[-1:] in ".!?" else ".")
    return steps, spoken, answer


def one_call(rng, effort, test=False):
    request = any_request(rng, test)
    tools = offer(rng, [request], few=rng.random() < 0.35)
    steps, spoken, answer = call_steps(rng, effort, request)
    steps += [("analysis", think_result(effort, spoken)), ("final", sentence(answer))]
    return Turn(ask(rng, request.asks, 0.6, **request.slots), steps, tools, task="tool call")


def two_calls(rng, effort, test=False):
    """The same function for two values, one call after the other."""
    make = rng.choice([weather, clock, weather])
    first = make(rng, test)
    while not first.arguments:
        first = make(rng, test)
    place = next(iter(first.arguments))
    x, second_x = first.arguments[place], None
    while second_x in (None, x):
        second_x = next(iter(make(rng, test).arguments.values()), None)
    second = make(rng, test)
    second.tool, second.arguments = first.tool, {**first.arguments, place: second_x}
    second.subject, second.goal = (s.replace(x, second_x) for s in (first.subject, first.goal))
    second.results = first.results
    tools = offer(rng, [first], few=True)
    thing = "weather" if make is weather else "time"
    asked = first.slots.get("asked", "")
    user = ask(rng, ["What is the {t} in {x} and {y}{e}?", "Tell me the {t} in {x} and in {y}{e}.", "Compare the {t} in {x} and {y}{e}.", "{t} in {x} and {y}{e}"],
               t=thing, x=x, y=second_x, e=asked)
    steps, spoken, answer = call_steps(rng, effort, first)
    more, spoken2, answer2 = call_steps(rng, effort, second, again=True)
    steps += more + [("analysis", think_result(effort, spoken2)), ("final", f"{sentence(answer)} {sentence(answer2)}")]
    return Turn(user, steps, tools, task="two calls")


def call_twice(rng, effort):
    """-> two turns: a request now and another one later, for the functions of one list."""
    first = any_request(rng)
    second = any_request(rng) if rng.random() < 0.5 else None
    while second is None or (second.tool["name"] == first.tool["name"] and second.tool != first.tool):
        second = rng.choice([weather, clock, calculator, text_function])(rng, False)
    tools, turns = offer(rng, [first, second], few=rng.random() < 0.5), []
    for request in (first, second):
        steps, spoken, answer = call_steps(rng, effort, request)
        steps += [("analysis", think_result(effort, spoken)), ("final", sentence(answer))]
        turns.append(Turn(ask(rng, request.asks, 0.6, **request.slots), steps, tools, task="tool call"))
    return turns


def missing_function(rng, effort, test=False):
    """A request that needs a function which is not offered (or none is)."""
    request = rng.choice([weather, weather, clock, text_function])(rng, test)
    tools = []
    if rng.random() < 0.5:
        while not tools:
            other = rng.choice([calculator, any_request])(rng, test).tool
            if other["name"] != request.tool["name"] and not any(w in other["name"].lower() + other["description"].lower()
                                                                 for w in ("weather", "time", "clock", "search", "news", "book", "note", "song", "temperature", "forecast")):
                tools = [other]
    asks = [a for a in request.asks if "{tool}" not in a and not a.startswith(("Take", "Save", "Note"))] or request.asks
    think = "No function for this." if effort == "low" else f"The user wants {request.goal}. " + \
        ("None of the functions fits." if tools else "I have no function for that.")
    return Turn(ask(rng, asks, **request.slots), [("analysis", think), ("final", NO_FUNCTION)], tools, task="no call")
