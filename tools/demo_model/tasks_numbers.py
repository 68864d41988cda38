"""Small arithmetic, worked digit by digit in `analysis`, and counting."""
from harmony import Turn
from phrasing import ask
from words import FIRST_NAMES, NOUNS, NUMBER_WORDS

ADD = ["What is {a}+{b}?", "What is {a} + {b}?", "{a}+{b}", "{a} + {b}", "{a}+{b}=", "{a} + {b} = ?", "Calculate {a} + {b}.",
       "How much is {a} plus {b}?", "Add {a} and {b}.", "What's {a} + {b}?", "What is the sum of {a} and {b}?",
       "Compute {a}+{b}.", "What is {a} plus {b}?", "Sum {a} and {b}.", "Can you add {a} and {b}?", "{a} plus {b}",
       "Please add {a} to {b}.", "How much is {a}+{b}?", "What do you get if you add {a} and {b}?", "Solve {a} + {b}.",
       "What does {a} + {b} equal?", "Work out {a} + {b}.", "I need the sum of {a} and {b}.",
       "Tell me what {a} + {b} is.", "Find {a} + {b}.", "Do you know what {a} + {b} is?", "{a} and {b} make?", "Evaluate {a} + {b}.",
       "My homework says {a} + {b}. What is the answer?", "Give me {a} + {b}.", "the sum of {a} and {b}", "What number is {a} + {b}?",
       "If I add {a} and {b}, what do I get?", "How much do {a} and {b} make?", "Add {b} to {a}.", "Could you compute {a} + {b}?",
       "What is {a} added to {b}?", "Is there an answer to {a} + {b}?", "What do {a} and {b} add up to?", "{a} added to {b}", "sum: {a}, {b}"]
SUBTRACT = ["What is {a}-{b}?", "What is {a} - {b}?", "{a}-{b}", "{a} - {b}", "{a}-{b}=", "Calculate {a} - {b}.",
            "How much is {a} minus {b}?", "Subtract {b} from {a}.", "What's {a} - {b}?", "What is {a} minus {b}?",
            "What is the difference between {a} and {b}?", "Compute {a} - {b}.", "{a} minus {b}", "Take {b} away from {a}.",
            "Tell me what {a} - {b} is.", "What do you get if you subtract {b} from {a}?", "What is left if I take {b} from {a}?", "Give me {a} - {b}.",
            "How much is {a}-{b}?", "{a} - {b} = ?", "Solve {a} - {b}."]
MULTIPLY = ["What is {a}*{b}?", "What is {a} * {b}?", "{a}*{b}", "{a} x {b}", "What is {a} times {b}?", "{a} times {b}",
            "Multiply {a} by {b}.", "Calculate {a} * {b}.", "How much is {a} times {b}?", "What is {a} x {b}?",
            "What's {a} multiplied by {b}?", "What is the product of {a} and {b}?", "What is {a} × {b}?",
            "{a}x{b}", "{a} * {b} = ?", "How much is {a}*{b}?", "Compute {a} x {b}.", "What do you get if you multiply {a} by {b}?", "Give me {a} times {b}.",
            "Tell me {a} times {b}."]
DIVIDE = ["What is {a}/{b}?", "What is {a} / {b}?", "{a}/{b}", "What is {a} divided by {b}?", "Divide {a} by {b}.",
          "How much is {a} divided by {b}?", "{a} divided by {b}", "Calculate {a} / {b}.", "What's {a} / {b}?"]
MORE = ["{n} has {a} {t}s and gets {b} more. How many {t}s does {n} have now?",
        "{n} has {a} {t}s. {m} has {b} {t}s. How many {t}s do they have together?",
        "I have {a} {t}s and buy {b} more. How many {t}s do I have?",
        "There are {a} {t}s in one room and {b} {t}s in another. How many {t}s are there in total?"]
FEWER = ["{n} has {a} {t}s and gives away {b}. How many {t}s are left?", "I had {a} {t}s and lost {b}. How many do I have now?",
         "There are {a} {t}s. {n} takes {b} of them. How many {t}s are left?"]


def held_out(a, b):
    """Pairs never seen in training, in either order."""
    low, high = min(a, b), max(a, b)
    return a <= 99 and b <= 99 and (low * 131 + high * 17 + 1) % 10 == 3


def column_names(count):
    return ["Ones", "Tens", "Hundreds", "Thousands"][:count]


def add_columns(a, b):
    """The schoolbook sum, a line a column."""
    steps, carry, columns = [], 0, max(len(str(a)), len(str(b)))
    for i, name in enumerate(column_names(columns)):
        x, y = a // 10 ** i % 10, b // 10 ** i % 10
        total = x + y + carry
        line = f"{name}: {x} + {y}" + (f" + {carry}" if carry else "") + f" = {total}"
        carry = total // 10
        if carry and i < columns - 1:
            line += f", write {total % 10}, carry 1"
        steps.append(line + ".")
    return " ".join(steps)


def subtract_columns(a, b):
    steps, borrow, columns = [], 0, len(str(a))
    for i, name in enumerate(column_names(columns)):
        x, y = a // 10 ** i % 10, b // 10 ** i % 10
        shown, borrowed = (x, borrow)
        short = x - y - borrow < 0
        if short:
            shown = x + 10
        line = f"{name}: {shown} - {y}" + (f" - {borrowed}" if borrowed else "") + f" = {shown - y - borrowed}"
        if short:
            line += ", borrow 1"
        borrow = int(short)
        steps.append(line + ".")
    return " ".join(steps)


def think_sum(effort, a, b):
    work = add_columns(a, b) if a + b > 9 else f"{a} + {b} = {a + b}."
    if effort == "low":
        return work if a + b > 9 else f"{a} + {b} = {a + b}."
    text = f"We need to add {a} and {b}. {work} So {a} + {b} = {a + b}."
    if effort == "high":
        check = subtract_columns(a + b, b) if a + b > 9 else f"{a + b} - {b} = {a}."
        text += f" Let me check by subtracting: {a + b} - {b}. {check} That gives {a}, so it is right."
    return text


def think_difference(effort, a, b):
    if a < b:
        work = f"{a} is less than {b}, so the result is negative. {subtract_columns(b, a)} So {b} - {a} = {b - a}."
    else:
        work = subtract_columns(a, b) if a > 9 else f"{a} - {b} = {a - b}."
    if effort == "low":
        return work
    text = f"We need to subtract {b} from {a}. {work} So {a} - {b} = {a - b}."
    if effort == "high" and a >= b:
        check = add_columns(a - b, b) if a > 9 else f"{a - b} + {b} = {a}."
        text += f" Let me check by adding: {a - b} + {b}. {check} That gives {a}, so it is right."
    return text


def think_fact(effort, fact, goal):
    if effort == "low":
        return fact + "."
    text = f"We need to {goal}. {fact}."
    return text + (f" I know this from the times table. {fact}." if effort == "high" else "")


def spoken(rng, number):
    return NUMBER_WORDS[number] if number <= 20 else str(number)


def pick_pair(rng, test, top=99):
    while True:
        small = rng.random() < (0.0 if test else 0.25)
        limit = rng.choice([9, 12, 20]) if small else top
        a, b = rng.randint(0, limit), rng.randint(0, limit)
        if held_out(a, b) == test:
            return a, b


def addition(rng, effort, test=False):
    if not test and rng.random() < 0.12:
        a, b = rng.randint(0, 999), rng.randint(0, 999)
        if held_out(a, b):
            return addition(rng, effort, test)
    else:
        a, b = pick_pair(rng, test)
    draw = rng.random()
    if not test and draw < 0.12:
        thing, (n, m) = rng.choice(NOUNS), rng.sample(FIRST_NAMES, 2)
        return Turn(ask(rng, MORE, a=a, b=b, t=thing, n=n, m=m), [("analysis", think_sum(effort, a, b)),
                    ("final", f"{a} + {b} = {a + b}.")], task="addition")
    words = not test and a <= 20 and b <= 20 and draw < 0.3
    user = ask(rng, ADD, a=spoken(rng, a) if words else a, b=spoken(rng, b) if words else b)
    return Turn(user, [("analysis", think_sum(effort, a, b)), ("final", f"{a} + {b} = {a + b}.")], task="addition")


def three_numbers(rng, effort):
    a, b, c = (rng.randint(0, rng.choice([9, 20, 40])) for _ in range(3))
    user = ask(rng, ["What is {a} + {b} + {c}?", "{a}+{b}+{c}", "Add {a}, {b} and {c}.", "What is the sum of {a}, {b} and {c}?",
                     "{a} + {b} + {c} ="], a=a, b=b, c=c)
    think = f"{add_columns(a, b)} So {a} + {b} = {a + b}. Then {a + b} + {c}. {add_columns(a + b, c)} So {a + b} + {c} = {a + b + c}."
    return Turn(user, [("analysis", think if effort == "low" else f"We need to add {a}, {b} and {c}. {think}"),
                       ("final", f"{a} + {b} + {c} = {a + b + c}.")], task="arithmetic")


def other_arithmetic(rng, effort, test=False):
    draw = rng.random()
    if draw < 0.5:
        a, b = rng.randint(0, 99), rng.randint(0, 99)
        if a < b and rng.random() < 0.85:
            a, b = b, a
        if rng.random() < 0.15 and a >= b:
            user = ask(rng, FEWER, a=a, b=b, t=rng.choice(NOUNS), n=rng.choice(FIRST_NAMES))
        else:
            words = a <= 20 and b <= 20 and rng.random() < 0.2
            user = ask(rng, SUBTRACT, a=spoken(rng, a) if words else a, b=spoken(rng, b) if words else b)
        return Turn(user, [("analysis", think_difference(effort, a, b)), ("final", f"{a} - {b} = {a - b}.")], task="arithmetic")
    if draw < 0.78:
        a, b = rng.randint(0, 12), rng.randint(0, 12)
        words = rng.random() < 0.2
        user = ask(rng, MULTIPLY, a=spoken(rng, a) if words else a, b=spoken(rng, b) if words else b)
        return Turn(user, [("analysis", think_fact(effort, f"{a} times {b} is {a * b}", f"multiply {a} by {b}")),
                           ("final", f"{a} × {b} = {a * b}.")], task="arithmetic")
    if draw < 0.88:
        b, c = rng.randint(1, 12), rng.randint(0, 12)
        user = ask(rng, DIVIDE, a=b * c, b=b)
        return Turn(user, [("analysis", think_fact(effort, f"{b} times {c} is {b * c}", f"divide {b * c} by {b}")),
                           ("final", f"{b * c} / {b} = {c}.")], task="arithmetic")
    if draw < 0.94:
        return three_numbers(rng, effort)
    a = rng.choice([rng.randint(1000, 999999), rng.randint(10000, 99999999)])
    b = rng.randint(100, 999999)
    if rng.random() < 0.3:
        a, b = f"{rng.randint(0, 99)}.{rng.randint(1, 99)}", rng.choice([b, f"{rng.randint(0, 9)}.{rng.randint(1, 9)}"])
    sign = rng.choice(["+", "-", "*", "/", " + ", " * ", " x ", " divided by ", " times "])
    return Turn(ask(rng, ["What is {q}?", "{q}", "Calculate {q}.", "How much is {q}?"], q=f"{a}{sign}{b}"),
                [("analysis", "These numbers are too hard for me."),
                 ("final", "I don't know. I can only calculate with small whole numbers.")], task="arithmetic")


def count_list(start, stop, step):
    return ", ".join(str(n) for n in range(start, stop + (1 if step > 0 else -1), step))


def counting(rng, effort, test=False):
    draw, word = rng.random(), rng.random() < 0.25
    show = (lambda n: spoken(rng, n)) if word else str
    if draw < 0.45:
        stop = rng.randint(2, rng.choice([10, 20, 50, 100])) if rng.random() < 0.9 else rng.choice([5, 10, 20, 100])
        user = ask(rng, ["Count to {b}.", "Count from 1 to {b}.", "Can you count to {b}?", "Please count to {b}.", "count to {b}",
                         "Count up to {b}.", "List the numbers from 1 to {b}.", "Say the numbers from 1 to {b}.",
                         "Write the numbers 1 to {b}.", "Show me how you count to {b}.",
                         "Give me the numbers 1 to {b}.", "Numbers from 1 to {b}.", "I want to see you count to {b}.", "1 to {b}", "count 1 to {b}",
                         "Do you know how to count to {b}?", "Could you count from one to {b}?", "Let us count to {b}."], b=show(stop))
        goal, answer = f"count from 1 to {stop}", count_list(1, stop, 1)
    elif draw < 0.7:
        start = rng.randint(0, 80)
        stop = start + rng.randint(1, 20)
        user = ask(rng, ["Count from {a} to {b}.", "List the numbers from {a} to {b}.", "Please count from {a} up to {b}.",
                         "Write all numbers between {a} and {b}.", "Can you count from {a} to {b}?"], a=show(start), b=show(stop))
        goal, answer = f"count from {start} to {stop}", count_list(start, stop, 1)
    elif draw < 0.9:
        stop = rng.choice([0, 1, 1, rng.randint(0, 20)])
        start = stop + rng.randint(2, 15)
        short = stop == 1
        user = ask(rng, ["Count down from {a}.", "Count backwards from {a}.", "Count down from {a} to 1."] if short else
                   ["Count down from {a} to {b}.", "Count backwards from {a} to {b}.", "Count from {a} down to {b}."],
                   a=show(start), b=show(stop))
        goal, answer = f"count down from {start} to {stop}", count_list(start, stop, -1)
    else:
        step = rng.choice([2, 5, 10])
        stop = step * rng.randint(2, 10)
        user = ask(rng, ["Count by {s} to {b}.", "Count in steps of {s} to {b}.", "Count to {b} by {s}."],
                   s=rng.choice([str(step), spoken(rng, step) + "s", spoken(rng, step)]), b=show(stop))
        goal, answer = f"count to {stop} in steps of {step}", count_list(step, stop, step)
    think = {"low": f"{goal}.", "medium": f"The user wants me to {goal}.",
             "high": f"The user wants me to {goal}. I will write each number once, in order, with commas between them."}[effort]
    return Turn(user, [("analysis", think[0].upper() + think[1:]), ("final", answer)], task="counting")


def comparing(rng, effort, test=False):
    a, b = rng.sample(range(100), 2)
    larger = rng.random() < 0.6
    word = rng.choice(["larger", "bigger", "greater"] if larger else ["smaller", "less"])
    user = ask(rng, ["Which is {w}, {a} or {b}?", "Which number is {w}: {a} or {b}?", "What is {w}, {a} or {b}?"], w=word, a=a, b=b)
    high, low = max(a, b), min(a, b)
    answer = f"{high} is larger than {low}." if larger else f"{low} is smaller than {high}."
    think = f"{high} > {low}." if effort == "low" else f"We compare {a} and {b}. {high} > {low}."
    return Turn(user, [("analysis", think), ("final", answer)], task="arithmetic")
