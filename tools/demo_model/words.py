"""Word lists the task generators draw from. Plain data: whatever is added here is seen in training."""

FIRST_NAMES = """Alice Bob Carol David Emma Frank Grace Henry Irene Jack Karen Leo Maria Nina Oscar Paul Rosa Sam Tina
Victor Wendy Anna Ben Clara Daniel Eva Felix George Hannah Ivan Julia Kevin Laura Martin Nora Olga Peter Quinn Robert
Sarah Thomas Ursula Vera Walter Yara Zoe Adam Bella Chris Diana Eric Fiona Gina Hugo Iris James Kate Linda Mark Nick
Olivia Pedro Rachel Simon Tara Uma Vincent Will Xavier Yusuf Amir Bruno Chloe Dora Elias Faye Gabriel Helen Isaac Jane
Karl Lena Max Naomi Otto Pam Ralph Sofia Tom Ulrich Viola Wanda Andrei Boris Carla Derek Elena Fatima Goran Heidi Ines
Jonas Kim Liam Mia Noah Omar Priya Ravi Susan Tim Viktor Lucas Ella Ethan Mason Lily Ava John Mary Michael Jennifer
William Elizabeth Richard Barbara Joseph Jessica Charles Nancy Matthew Betty Anthony Sandra Donald Ashley Steven
Andrew Paula Kenneth Joshua Brian Ronald Edward Jason Jeffrey Ryan Jacob Gary Nicholas Jonathan Stephen Larry Justin
Scott Brandon Benjamin Samuel Gregory Alexander Patrick Raymond""".split()

LAST_NAMES = """Smith Jones Brown Taylor Wilson Johnson White Martin Anderson Thompson Wood Lewis Scott Cooper King Green
Baker Adams Hall Allen Wright Clark Hill Young Turner Parker Collins Murphy Bell Cook Bailey Ward Fox Gray Reed Stone
Lopez Garcia Silva Rossi Weber Klein Novak Horvat Kovacs Tanaka Sato Kim Chen Wang Singh Khan Ali Hassan Cohen""".split()

ANIMALS = """cat dog horse cow pig sheep goat lion tiger bear wolf fox deer rabbit mouse rat duck goose chicken eagle owl
crow swan frog toad snake lizard turtle fish shark whale dolphin seal crab spider ant bee butterfly elephant giraffe
zebra monkey gorilla camel kangaroo koala panda penguin otter beaver squirrel hedgehog bat moose donkey parrot
falcon sparrow salmon octopus""".split()

COLOURS = """red blue green yellow orange purple pink brown black white grey gold silver violet""".split()

FOODS = """apple banana cherry orange lemon grape pear peach plum melon mango bread butter cheese milk honey rice pasta
soup salad pizza cake cookie chocolate coffee tea water juice sugar salt pepper potato tomato carrot onion garlic bean
corn egg olive mushroom strawberry pineapple coconut ginger""".split()

THINGS = """table chair lamp book pen pencil paper box bag key door window clock phone computer keyboard screen camera
radio guitar piano drum ball bike car bus train boat plane bridge road house garden tree flower leaf river lake
mountain island beach cloud rain snow wind storm sun moon star planet stone sand fire candle mirror bottle cup plate
knife fork spoon hat coat shoe shirt ring watch coin ticket map letter picture basket blanket pillow ladder hammer
rope wheel engine rocket robot castle tower village market school library museum station office kitchen cellar attic
forest desert valley harbor lantern anchor compass feather marble puzzle ribbon rocket saddle shadow signal sketch
spring summer thunder tunnel velvet whisper winter wizard""".split()

ADJECTIVES = """big small old new young long short high low fast slow warm cold hot cool dry wet dark bright quiet loud
soft hard heavy light strong weak rich poor happy sad kind brave clever gentle lazy busy clean dirty empty full early
late open closed round square simple strange famous secret hidden golden silent ancient modern wooden broken""".split()

VERBS = """likes sees finds wants needs buys sells keeps takes brings carries opens closes cleans paints builds repairs
reads writes draws sings plays watches follows visits remembers forgets loves misses hears holds throws catches pulls
pushes moves lifts drops hides shows shares borrows returns""".split()

VERBS_BASE = """walk run swim jump climb sleep eat drink read write sing dance play work rest travel cook paint build
draw listen talk laugh smile wait start stop leave arrive stay""".split()

PLACES = """in the garden|at the station|near the river|in the kitchen|on the table|under the bridge|behind the house
at the market|in the library|by the lake|in the old tower|on the beach|in the forest|at school|in the office
next to the window|on the roof|across the street|in the city|at the harbor""".replace("\n", "|").split("|")

TIMES = """in the morning|in the evening|at night|every day|on Monday|on Tuesday|on Friday|last week|last year|today
yesterday|in spring|in summer|in winter|after lunch|before dinner|at noon|once a week""".replace("\n", "|").split("|")

TOPICS = """football|chess|history|music|politics|chemistry|biology|economics|philosophy|art|medicine|law|gardening
sailing|fashion|architecture|quantum physics|black holes|the stock market|machine learning|the French Revolution
the Roman Empire|photosynthesis|climate change|the meaning of life|tax law|Greek mythology|modern dance|evolution
the Cold War|world trade|marketing|psychology|the human brain|volcanoes|dinosaurs|space travel|nuclear energy
baseball|basketball|opera|jazz|poetry|theatre|religion|astrology|cooking|travel|health insurance|cars|video games
""".strip().replace("\n", "|").split("|")

EXTRA_CITIES = """New York|Los Angeles|San Francisco|Chicago|Boston|Seattle|Houston|Dallas|Miami|Denver|Toronto|Montreal
Vancouver|Munich|Hamburg|Frankfurt|Cologne|Zurich|Geneva|Milan|Venice|Florence|Naples|Barcelona|Seville|Valencia|Porto
Lyon|Marseille|Nice|Manchester|Liverpool|Glasgow|Edinburgh|Cardiff|Rotterdam|Antwerp|Gothenburg|Bergen|Krakow|Gdansk
Shanghai|Hong Kong|Shenzhen|Osaka|Kyoto|Mumbai|Bangalore|Karachi|Dubai|Istanbul|Sydney|Melbourne|Perth|Auckland
Cape Town|Johannesburg|Lagos|Casablanca|Sao Paulo|Rio de Janeiro|Salvador|Medellin|Guadalajara|Cancun|Honolulu
Las Vegas|San Diego|Phoenix|Austin|Atlanta|Portland|Orlando|Detroit|Salzburg|Innsbruck|Bordeaux|Oxford|Cambridge
""".strip().replace("\n", "|").split("|")

NUMBER_WORDS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty""".split()

NOUNS = list(dict.fromkeys(ANIMALS + FOODS + THINGS))
