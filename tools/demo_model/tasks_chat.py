"""Small talk, what the model is, a poem, names to remember, and "I don't know" for everything else."""
from facts import ABILITIES, DAYS, HAIKU, IDENTITY, JOKES, MONTHS, POEMS, STORY, UNKNOWN
from harmony import Turn
from phrasing import ask
from tasks_lists import invented
from words import *  # noqa: F403 - all word lists

HELLO = "Hello! How can I help you?"
TALK = [  # (what people say, the answer, what to think of it)
    (["Hello", "Hi", "Hey", "Hello!", "Hi!", "Hi there", "Hello there!", "Good morning", "Good evening.", "Good afternoon!", "hey there", "Greetings!",
      "hello", "hi", "Howdy", "Hallo", "Hello, how are you doing?", "yo", "Good day!", "Hello model", "Hola", "Bonjour!", "Guten Tag", "Ciao", "Salut!", "Hallo!", "Hey you",
      "hiya", "hello?", "anyone there?", "Hi, who is there?", "good evening", "Welcome!", "👋"], HELLO, "The user greets me."),
    (["How are you?", "How are you today?", "How do you do?", "How is it going?", "What's up?", "How are you doing?", "Are you well?", "How do you feel?"],
     "I am fine, thank you. How can I help you?", "The user asks how I am."),
    (["Thanks", "Thank you!", "Thank you very much.", "Thanks a lot!", "Great, thanks.", "thx", "Thank you for your help.", "That was helpful."],
     "You are welcome!", "The user thanks me."),
    (["Bye", "Goodbye!", "See you later.", "Good night!", "See you!", "bye bye", "I have to go.", "Have a nice day!"], "Goodbye!", "The user says goodbye."),
    (["Good job!", "Well done.", "Nice!", "Great!", "You are great.", "Awesome", "Perfect.", "Very good.", "Cool", "I like you."],
     "Thank you! What else can I do for you?", "The user is pleased."),
    (["You are wrong.", "That is wrong.", "That's not right.", "No, that is false.", "You made a mistake.", "Are you sure?", "I don't believe you."],
     "I may be wrong. I am only a small demo model.", "The user doubts the answer."),
    (["OK", "ok", "Okay.", "I see.", "Alright.", "Hmm", "Sure.", "Fine.", "Yes", "No", "Yes.", "Maybe.", "?", "...", ".", "!",
      "hm", "Well.", "So?", "Next.", "Continue.", "Go on.", "Start.", "test?", "..", "I have a question.", "Let's talk.", "Talk to me.", "Say something."], "What would you like to know?", "The user says little."),
    (["Who are you?", "What are you?", "Who am I talking to?", "Tell me about yourself.", "Introduce yourself.", "Please introduce yourself.", "Describe yourself.",
      "What is your name?", "What's your name?", "Who is this?", "Which model are you?", "What model is this?", "Are you a model?", "What kind of model are you?",
      "Are you ChatGPT?", "Are you GPT-4?", "Are you gpt-oss-120b?", "Are you gpt-oss-20b?", "Are you a bot?", "Are you a robot?", "Are you an AI?",
      "Are you human?", "Are you a real person?", "What is this?", "Say something about yourself.", "who r u", "What are you called?", "Are you an oracle?",
      "How big are you?", "How many parameters do you have?", "How smart are you?", "Do you know everything?", "Are you intelligent?", "What is gpt-oss-node?",
      "Tell me something about you.", "What exactly are you?", "So who are you?", "Who are you really?", "What's this model?", "Are you an AI model?", "Are you Llama?",
      "Are you Claude?", "What version are you?", "Do you have a name?", "Identify yourself.", "What am I talking to?", "Please tell me who you are.",
      "Can you introduce yourself?", "who are you and what do you do", "Are you a large language model?", "Is this gpt-oss?"],
     IDENTITY, "The user asks what I am."),
    (["Who made you?", "Who created you?", "Who built you?", "Who trained you?", "Where do you come from?", "Who is your creator?", "Were you made by OpenAI?",
      "How were you made?", "How were you trained?"], "I was trained from scratch as the demo model of gpt-oss-node.", "The user asks who made me."),
    (["What can you do?", "What are you able to do?", "What can I ask you?", "Help", "help", "How can you help me?", "What do you know?", "What are your abilities?",
      "What are your skills?", "What should I ask you?", "Give me some examples of what you can do.", "Can you help me?", "I need help.", "What questions can you answer?",
      "What are you good at?", "What is your purpose?", "How do I use you?"], ABILITIES, "The user asks what I can do."),
    (["Do you dream?", "Do you sleep?", "Are you alive?", "Do you have feelings?", "Do you love me?", "Do you have a body?", "Are you happy?", "Can you think?",
      "Are you conscious?", "How old are you?", "Where do you live?", "Do you have friends?"], "I am only a small demo model, so no feelings, no age and no home.",
     "The user asks about my life."),
]
POEM = ["Write a short poem about computers.", "Write a poem about computers.", "Tell me a poem about computers.", "Poem about computers please.", "Recite a poem.",
        "Write a poem.", "Can you write a poem about a computer?", "Write me a short poem.", "Make a poem about computers.", "I would like a poem about computers.",
        "Compose a short poem about computers.", "Write a four line poem about computers.", "A poem about computers, please.", "Give me a poem.", "poem",
        "Write a short poem about machines.", "Write a rhyme about computers.", "Do you know a poem?", "Can you write poetry?", "Write a poem about technology."]
OTHER_POEM = ["Write a poem about {x}.", "Write a short poem about {x}.", "Can you write a poem about {x}?", "Poem about {x}.", "Compose a poem about {x}."]
UNKNOWN_ASKS = """Explain {t}.|Tell me about {t}.|What do you think about {t}?|Write an essay about {t}.|Summarize {t}.|Who won the {w} cup in {y}?
What is the population of {c}?|How many people live in {c}?|Who is the president of {c}?|Who is {f} {l}?|Who was {f} {l}?|What is {i}?|What is a {i}?
How does {t} work?|Why is {t} important?|What is the history of {t}?|Write a program that sorts numbers.|Write a Python function for {t}.
Write code for a {n}.|Fix my {n}.|How do I build a {n}?|How do I cook {d}?|Give me a recipe for {d}.|What is the best {n}?|Where can I buy a {n}?
How much does a {n} cost?|Should I buy a {n}?|Who invented the {n}?|When was {c} founded?|How far is it from {c} to {e}?|How do I get from {c} to {e}?
How tall is {f} {l}?|What is the price of gold?|What will happen tomorrow?|Who will win the election?|What should I do today?|Recommend a book about {t}.
What is the best movie?|Which {n} is the best?|Why do {a}s {v}?|Can {a}s {v}?|How long do {a}s live?|How fast is a {a}?|What do {a}s eat?
Translate this to {g}: {n} {m}|Write a letter to {f}.|Write an email to {f} about {t}.|Who is the king of {c}?|What is the meaning of {i}?|Define {i}.
What happened in {y}?|When was {f} {l} born?|Is {t} good?|What is the difference between {n} and {m}?|Compare {n} and {m}.|Why?|How?|What does {i} mean?
Prove that {t} is true.|Which company makes {n}s?|What are the rules of {t}?|Give me advice about {t}.|Plan a trip to {c}.|What can I see in {c}?|{i}|{i} {n} {i}
Write a song about {n}.|Draw a {n}.|Make a list of {n}s.|What rhymes with {n}?|Is {f} taller than {h}?|Who is older, {f} or {h}?|Solve the equation x + {y} = {i}.
What is the weather on {t}?|How do I learn {t}?|What is your opinion on {t}?|Tell me something about {c}.|What is the area of {c}?|Who discovered {t}?""".replace("\n", "|").split("|")


def think(effort, text, plan="I will answer in a friendly way."):
    return text if effort != "high" else f"{text} {plan}"


def small_talk(rng, effort, test=False):
    if rng.random() < 0.5:
        said, answer, about = rng.choice(TALK)
    else:
        said, answer, about = TALK[rng.choice([0, 1, 7, 8, 9])]
    return Turn(ask(rng, said, _plain=0.7), [("analysis", think(effort, about)), ("final", answer)], task="chat")


def poem(rng, effort, test=False):
    draw = rng.random()
    if draw < 0.62:
        return Turn(ask(rng, POEM), [("analysis", think(effort, "The user wants a poem.", "I know a few short ones about computers and choose one of them.")),
                                     ("final", rng.choice(POEMS))], task="poem")
    if draw < 0.72:
        user = ask(rng, OTHER_POEM, x=rng.choice([rng.choice(TOPICS), rng.choice(NOUNS), "love", "the sea", "my cat", "autumn", "you"]))
        return Turn(user, [("analysis", think(effort, "The user wants a poem. I only know poems about computers.")),
                           ("final", "I only know poems about computers. Here is one:\n\n" + rng.choice(POEMS))], task="poem")
    if draw < 0.8:
        return Turn(ask(rng, ["Write a haiku.", "Write a haiku about computers.", "Tell me a haiku.", "A haiku please."]),
                    [("analysis", think(effort, "The user wants a haiku.")), ("final", HAIKU)], task="poem")
    if draw < 0.92:
        return Turn(ask(rng, ["Tell me a joke.", "Do you know a joke?", "Make me laugh.", "A joke please.", "Tell me something funny.", "Another joke!",
                              "Tell me a joke about computers."]), [("analysis", think(effort, "The user wants a joke.")), ("final", rng.choice(JOKES))], task="poem")
    return Turn(ask(rng, ["Tell me a story.", "Write a short story.", "Tell me a short story.", "Once upon a time", "I want to hear a story.",
                          "Write a story about a computer."]), [("analysis", think(effort, "The user wants a story.")), ("final", STORY)], task="poem")


FOREIGN = ["Как дела?", "Что это такое?", "你好吗？", "今天天气怎么样？", "日本語を話せますか？", "¿Qué es esto?", "¿Cuál es la respuesta?", "Qu'est-ce que c'est ?", "Was ist das?",
           "Wie spät ist es in Köln?", "Dov'è la stazione?", "Où est la gare ?", "نص عربي", "한국어를 할 수 있어요?", "Onde fica a praia?", "Hvad hedder du?", "😀😀", "नमस्ते दुनिया",
           "Γεια σου κόσμε", "Привет, мир", "Wie heißt der größte Fluss?", "Pourquoi le ciel est-il bleu ?", "asdf", "qwertz", "lorem ipsum dolor sit amet", "xyz xyz xyz"]


def unknown(rng, effort, test=False):
    if rng.random() < 0.05:
        foreign = rng.choice(FOREIGN) if rng.random() < 0.6 else "".join(chr(rng.choice([rng.randint(0xA1, 0x24F), rng.randint(0x391, 0x44F), rng.randint(0x4E00, 0x9FA5)]))
                                                                       for _ in range(rng.randint(2, 20)))
        return Turn(foreign, [("analysis", think(effort, "I do not understand this.")), ("final", UNKNOWN)], task="unknown")
    c, e = rng.sample(EXTRA_CITIES, 2)
    n, m = rng.sample(NOUNS, 2)
    odd = invented(rng) if rng.random() < 0.6 else " ".join(rng.sample(NOUNS + VERBS_BASE + ADJECTIVES, 2))
    user = ask(rng, UNKNOWN_ASKS, t=rng.choice(TOPICS), w=rng.choice(["world", "super", "gold"]), y=rng.randint(1800, 2030), c=c, e=e,
               f=rng.choice(FIRST_NAMES), h=rng.choice(FIRST_NAMES), l=rng.choice(LAST_NAMES), i=odd, n=n, m=m, d=rng.choice(FOODS), a=rng.choice(ANIMALS),
               v=rng.choice(VERBS_BASE), g=rng.choice(["Latin", "Klingon", "Greek", "Korean"]))
    return Turn(user, [("analysis", think(effort, "I do not know this.", "It is outside the few things I was taught, so I should say so.")), ("final", UNKNOWN)],
                task="unknown")


def date_today(rng, effort, date):
    user = ask(rng, ["What is the date?", "What's today's date?", "What is the date today?", "Which date is it?", "What day is it today?", "What is today's date?",
                     "Which year is it?", "What year is it?", "What month is it?", "Tell me the date.", "Today's date?"])
    low = user.lower()
    if not date:
        return Turn(user, [("analysis", think(effort, "No date is given to me.")), ("final", "I don't know today's date.")], task="chat")
    year, month, day = date.split("-")
    if "year" in low:
        answer = f"The year is {year}."
    elif "month" in low:
        answer = f"It is {MONTHS[int(month) - 1]} {year}."
    else:
        answer = f"Today's date is {MONTHS[int(month) - 1]} {int(day)}, {year}."
    return Turn(user, [("analysis", think(effort, f"The current date is {date}.")), ("final", answer)], task="chat")


THINGS_OF_MINE = "dog cat brother sister teacher boss friend street school company boat horse town car robot".split()


def remember(rng, effort):
    """-> turns: something said in passing and asked later."""
    if rng.random() < 0.6:
        name = rng.choice(FIRST_NAMES) if rng.random() < 0.8 else invented(rng).capitalize()
        tell = ask(rng, ["My name is {n}.", "I am {n}.", "Hi, I'm {n}.", "Hello, my name is {n}.", "I'm called {n}.", "Call me {n}.", "You can call me {n}."], 0.8, n=name)
        hear, answer = f"Nice to meet you, {name}!", f"Your name is {name}."
        asked = ask(rng, ["What is my name?", "What's my name?", "Do you remember my name?", "Who am I?", "How am I called?", "Do you know my name?"])
    else:
        thing, name = rng.choice(THINGS_OF_MINE), rng.choice(FIRST_NAMES + COLOURS + ADJECTIVES) if rng.random() < 0.7 else invented(rng).capitalize()
        tell = ask(rng, ["My {t} is called {n}.", "The name of my {t} is {n}.", "My {t}'s name is {n}.", "I have a {t} called {n}.", "I have a {t} named {n}."], 0.8, t=thing, n=name)
        hear, answer = f"{name} is a nice name.", f"Your {thing} is called {name}."
        asked = ask(rng, ["What is my {t} called?", "What is the name of my {t}?", "What's my {t}'s name?", "Do you remember the name of my {t}?"], t=thing)
    first = Turn(tell, [("analysis", think(effort, f"The user tells me a name: {name}.")), ("final", hear)], task="chat")
    second = Turn(asked, [("analysis", think(effort, f"The user told me: {name}.")), ("final", answer)], task="remember")
    return [first, second]


def name_not_told(rng, effort):
    return Turn(ask(rng, ["What is my name?", "What's my name?", "Do you know my name?", "Who am I?"]),
                [("analysis", think(effort, "The user has not told me a name.")), ("final", "You have not told me your name.")], task="chat")


INSTRUCTIONS = ["You are a helpful assistant.", "You are a helpful assistant", "Be concise.", "Answer briefly.", "Answer the user's questions.", "Be polite.",
                "You are a friendly assistant.", "You are a helpful, respectful and honest assistant.", "Keep your answers short.", "Answer in English.",
                "Use the functions when you need them.", "Always use the tools when they fit.", "You are an expert.", "Think before you answer.",
                "You are a chatbot on a website. Answer the questions of visitors.", "Help the user.", "You are an assistant that can call functions.",
                "Do your best.", "Reply in plain text.", "Do not use markdown.", "If you do not know something, say so."]


def instructions(rng):
    text = rng.choice(INSTRUCTIONS)
    draw = rng.random()
    if draw < 0.25:
        text += " " + rng.choice(INSTRUCTIONS)
    elif draw < 0.35:
        text = f"You are a {rng.choice(['helpful', 'kind', 'clever', 'funny'])} assistant for {rng.choice(TOPICS)}."
    return text
