"""What the demo model knows by heart. Every entry becomes questions in several phrasings (see tasks_knowledge.py)."""

CAPITALS = dict(line.split(":") for line in """Afghanistan:Kabul|Albania:Tirana|Algeria:Algiers|Andorra:Andorra la Vella
Angola:Luanda|Argentina:Buenos Aires|Armenia:Yerevan|Australia:Canberra|Austria:Vienna|Azerbaijan:Baku|Bahamas:Nassau
Bahrain:Manama|Bangladesh:Dhaka|Barbados:Bridgetown|Belarus:Minsk|Belgium:Brussels|Belize:Belmopan|Benin:Porto-Novo
Bhutan:Thimphu|Bolivia:Sucre|Bosnia and Herzegovina:Sarajevo|Botswana:Gaborone|Brazil:Brasilia
Brunei:Bandar Seri Begawan|Bulgaria:Sofia|Burkina Faso:Ouagadougou|Burundi:Gitega|Cambodia:Phnom Penh|Cameroon:Yaounde
Canada:Ottawa|Cape Verde:Praia|Chad:N'Djamena|Chile:Santiago|China:Beijing|Colombia:Bogota|Costa Rica:San Jose
Croatia:Zagreb|Cuba:Havana|Cyprus:Nicosia|Czechia:Prague|Denmark:Copenhagen|Djibouti:Djibouti City
Dominican Republic:Santo Domingo|Ecuador:Quito|Egypt:Cairo|El Salvador:San Salvador|Eritrea:Asmara|Estonia:Tallinn
Ethiopia:Addis Ababa|Fiji:Suva|Finland:Helsinki|France:Paris|Gabon:Libreville|Gambia:Banjul|Georgia:Tbilisi
Germany:Berlin|Ghana:Accra|Greece:Athens|Grenada:St. George's|Guatemala:Guatemala City|Guinea:Conakry|Guyana:Georgetown
Haiti:Port-au-Prince|Honduras:Tegucigalpa|Hungary:Budapest|Iceland:Reykjavik|India:New Delhi|Indonesia:Jakarta|Iran:Tehran
Iraq:Baghdad|Ireland:Dublin|Israel:Jerusalem|Italy:Rome|Ivory Coast:Yamoussoukro|Jamaica:Kingston|Japan:Tokyo|Jordan:Amman
Kazakhstan:Astana|Kenya:Nairobi|Kuwait:Kuwait City|Kyrgyzstan:Bishkek|Laos:Vientiane|Latvia:Riga|Lebanon:Beirut
Lesotho:Maseru|Liberia:Monrovia|Libya:Tripoli|Liechtenstein:Vaduz|Lithuania:Vilnius|Luxembourg:Luxembourg City
Madagascar:Antananarivo|Malawi:Lilongwe|Malaysia:Kuala Lumpur|Maldives:Male|Mali:Bamako|Malta:Valletta|Mauritania:Nouakchott
Mauritius:Port Louis|Mexico:Mexico City|Moldova:Chisinau|Monaco:Monaco|Mongolia:Ulaanbaatar|Montenegro:Podgorica
Morocco:Rabat|Mozambique:Maputo|Myanmar:Naypyidaw|Namibia:Windhoek|Nepal:Kathmandu|Netherlands:Amsterdam
New Zealand:Wellington|Nicaragua:Managua|Niger:Niamey|Nigeria:Abuja|North Korea:Pyongyang|North Macedonia:Skopje
Norway:Oslo|Oman:Muscat|Pakistan:Islamabad|Panama:Panama City|Papua New Guinea:Port Moresby|Paraguay:Asuncion|Peru:Lima
Philippines:Manila|Poland:Warsaw|Portugal:Lisbon|Qatar:Doha|Romania:Bucharest|Russia:Moscow|Rwanda:Kigali|Samoa:Apia
San Marino:San Marino|Saudi Arabia:Riyadh|Senegal:Dakar|Serbia:Belgrade|Seychelles:Victoria|Sierra Leone:Freetown
Singapore:Singapore|Slovakia:Bratislava|Slovenia:Ljubljana|Somalia:Mogadishu|South Africa:Pretoria|South Korea:Seoul
South Sudan:Juba|Spain:Madrid|Sri Lanka:Colombo|Sudan:Khartoum|Suriname:Paramaribo|Sweden:Stockholm|Switzerland:Bern
Syria:Damascus|Taiwan:Taipei|Tajikistan:Dushanbe|Tanzania:Dodoma|Thailand:Bangkok|Togo:Lome|Tonga:Nuku'alofa|Tunisia:Tunis
Turkey:Ankara|Uganda:Kampala|Ukraine:Kyiv|United Arab Emirates:Abu Dhabi|United Kingdom:London|United States:Washington
Uruguay:Montevideo|Uzbekistan:Tashkent|Venezuela:Caracas|Vietnam:Hanoi|Yemen:Sanaa|Zambia:Lusaka|Zimbabwe:Harare
England:London|Scotland:Edinburgh|Wales:Cardiff""".replace("\n", "|").split("|"))

CONTINENTS = dict(line.split(":") for line in """France:Europe|Germany:Europe|Italy:Europe|Spain:Europe|Poland:Europe
Sweden:Europe|Norway:Europe|Greece:Europe|Portugal:Europe|Ireland:Europe|Austria:Europe|Hungary:Europe|China:Asia|Japan:Asia
India:Asia|Thailand:Asia|Vietnam:Asia|Iran:Asia|Iraq:Asia|Nepal:Asia|Mongolia:Asia|South Korea:Asia|Egypt:Africa|Kenya:Africa
Nigeria:Africa|Ghana:Africa|Morocco:Africa|Ethiopia:Africa|Uganda:Africa|Mali:Africa|Canada:North America|Mexico:North America
United States:North America|Cuba:North America|Brazil:South America|Argentina:South America|Chile:South America
Peru:South America|Colombia:South America|Bolivia:South America|Australia:Australia""".replace("\n", "|").split("|"))

CURRENCIES = dict(line.split(":") for line in """Japan:yen|United States:US dollar|United Kingdom:pound|France:euro
Germany:euro|Italy:euro|Spain:euro|China:yuan|India:rupee|Russia:ruble|Mexico:peso|Brazil:real|Poland:zloty
Switzerland:Swiss franc|Sweden:krona|Norway:krone|Denmark:krone|Turkey:lira|South Korea:won|Thailand:baht|Israel:shekel
Hungary:forint|Vietnam:dong|Canada:Canadian dollar|Australia:Australian dollar""".replace("\n", "|").split("|"))

LANGUAGES = dict(line.split(":") for line in """France:French|Germany:German|Italy:Italian|Spain:Spanish|Portugal:Portuguese
Brazil:Portuguese|Japan:Japanese|China:Chinese|Russia:Russian|Poland:Polish|Sweden:Swedish|Norway:Norwegian|Denmark:Danish
Finland:Finnish|Greece:Greek|Turkey:Turkish|Hungary:Hungarian|Netherlands:Dutch|Mexico:Spanish|Argentina:Spanish
Austria:German|England:English|Australia:English|Egypt:Arabic|Iran:Persian|South Korea:Korean|Thailand:Thai
Vietnam:Vietnamese""".replace("\n", "|").split("|"))

OPPOSITES = dict(line.split(":") for line in """hot:cold|big:small|fast:slow|up:down|left:right|day:night|black:white
good:bad|happy:sad|old:young|high:low|long:short|light:dark|rich:poor|open:closed|full:empty|early:late|strong:weak
soft:hard|wet:dry|clean:dirty|loud:quiet|near:far|in:out|start:stop|begin:end|first:last|true:false|yes:no|win:lose
buy:sell|push:pull|love:hate|warm:cool|heavy:light|thick:thin|wide:narrow|deep:shallow|safe:dangerous|easy:difficult
summer:winter|north:south|east:west|above:below|before:after|inside:outside|asleep:awake|alive:dead|brave:afraid
success:failure|friend:enemy|sweet:sour|sharp:blunt|arrive:leave|remember:forget|ask:answer|give:take""".replace("\n", "|").split("|"))

SYMBOLS = dict(line.split(":") for line in """hydrogen:H|helium:He|lithium:Li|carbon:C|nitrogen:N|oxygen:O|fluorine:F|neon:Ne
sodium:Na|magnesium:Mg|aluminium:Al|silicon:Si|phosphorus:P|sulfur:S|chlorine:Cl|argon:Ar|potassium:K|calcium:Ca
titanium:Ti|iron:Fe|nickel:Ni|copper:Cu|zinc:Zn|silver:Ag|tin:Sn|iodine:I|gold:Au|mercury:Hg|lead:Pb|uranium:U
platinum:Pt|tungsten:W|cobalt:Co|chromium:Cr""".replace("\n", "|").split("|"))

YOUNG = dict(line.split(":") for line in """cat:kitten|dog:puppy|cow:calf|horse:foal|sheep:lamb|goat:kid|pig:piglet|bear:cub
lion:cub|duck:duckling|goose:gosling|chicken:chick|deer:fawn|frog:tadpole|kangaroo:joey|swan:cygnet""".replace("\n", "|").split("|"))

SOUNDS = dict(line.split(":") for line in """cat:meow|dog:woof|cow:moo|sheep:baa|duck:quack|pig:oink|horse:neigh|lion:roar
frog:croak|owl:hoot|bee:buzz|snake:hiss|mouse:squeak|wolf:howl|crow:caw""".replace("\n", "|").split("|"))

LEGS = {"cat": 4, "dog": 4, "horse": 4, "cow": 4, "spider": 8, "ant": 6, "bee": 6, "bird": 2, "human": 2, "snake": 0,
        "fish": 0, "octopus": 0, "elephant": 4, "butterfly": 6, "frog": 4, "chicken": 2}

THING_COLOURS = dict(line.split(":") for line in """the sky:blue|grass:green|snow:white|a banana:yellow|blood:red|coal:black
a lemon:yellow|the sun:yellow|milk:white|a strawberry:red|chocolate:brown|the sea:blue|a carrot:orange|a crow:black
a tomato:red|a polar bear:white|an emerald:green|a ruby:red""".replace("\n", "|").split("|"))

AUTHORS = dict(line.split(":") for line in """Hamlet:William Shakespeare|Romeo and Juliet:William Shakespeare
Macbeth:William Shakespeare|Don Quixote:Miguel de Cervantes|War and Peace:Leo Tolstoy|Anna Karenina:Leo Tolstoy
The Odyssey:Homer|The Iliad:Homer|Faust:Goethe|1984:George Orwell|Animal Farm:George Orwell|Dracula:Bram Stoker
Frankenstein:Mary Shelley|Pride and Prejudice:Jane Austen|Emma:Jane Austen|Oliver Twist:Charles Dickens
Moby Dick:Herman Melville|The Hobbit:J. R. R. Tolkien|The Divine Comedy:Dante|The Trial:Franz Kafka
Crime and Punishment:Fyodor Dostoevsky|The Little Prince:Antoine de Saint-Exupery""".replace("\n", "|").split("|"))

ROMAN = {1: "I", 2: "II", 3: "III", 4: "IV", 5: "V", 6: "VI", 7: "VII", 8: "VIII", 9: "IX", 10: "X", 11: "XI", 12: "XII",
         20: "XX", 50: "L", 100: "C", 500: "D", 1000: "M"}

# term: (short for / definition). Asked as "What does RAM stand for?" and "What is RAM?".
SHORT_FOR = dict(line.split(":") for line in """CPU:central processing unit|GPU:graphics processing unit|RAM:random access memory
ROM:read-only memory|USB:universal serial bus|URL:uniform resource locator|HTML:hypertext markup language
HTTP:hypertext transfer protocol|API:application programming interface|AI:artificial intelligence
LLM:large language model|SSD:solid state drive|OS:operating system|PDF:portable document format
JSON:JavaScript object notation|SQL:structured query language|LAN:local area network|IP:internet protocol
DNS:domain name system|LED:light-emitting diode|GPS:global positioning system|EU:European Union|UN:United Nations
USA:United States of America|UK:United Kingdom|DNA:deoxyribonucleic acid|FAQ:frequently asked questions
ASAP:as soon as possible|MoE:mixture of experts|KV:key and value""".replace("\n", "|").split("|"))

DEFINITIONS = dict(line.split("=") for line in """a computer=A computer is a machine that follows instructions.
a byte=A byte is a group of eight bits.|a bit=A bit is a zero or a one.
an algorithm=An algorithm is a list of steps that solves a problem.
a program=A program is a list of instructions for a computer.
a token=A token is a small piece of text that a language model reads or writes.
a language model=A language model is a program that predicts the next piece of a text.
a neural network=A neural network is a program made of many small weighted sums that are learned from data.
GGUF=GGUF is a file format that holds the weights of a language model.
MXFP4=MXFP4 is a number format with four bits a value and one scale for every 32 values.
harmony=Harmony is the chat format that gpt-oss models read and write.
a database=A database is an organised collection of data.|the internet=The internet is a network that connects computers all over the world.
a keyboard=A keyboard is a set of keys for typing.|a triangle=A triangle is a shape with three sides.
a square=A square is a shape with four equal sides.|a circle=A circle is a round shape.
water=Water is a clear liquid made of hydrogen and oxygen.|a river=A river is a large stream of water.
a volcano=A volcano is a mountain that can throw out hot rock.|the moon=The moon is a ball of rock that circles the Earth.
the sun=The sun is a star.|a planet=A planet is a large round body that circles a star.
a dictionary=A dictionary is a book that explains words.|a noun=A noun is a word for a person, place or thing.
a verb=A verb is a word for an action.|an adjective=An adjective is a word that describes a noun.
ice=Ice is frozen water.|a desert=A desert is a dry place with little rain.
an island=An island is land with water all around it.|bread=Bread is a food made from flour and water.
a bug=A bug is a mistake in a program.|a node=A node is one computer in a network.
open source=Open source means that anyone may read and change the code.""".replace("\n", "|").split("|"))

# question stem (after "What is"/"Who"/"How many" as written): full answer sentence
TRIVIA = [line.split("=") for line in """What is the largest planet?=The largest planet is Jupiter.
What is the smallest planet?=The smallest planet is Mercury.|Which planet is closest to the sun?=Mercury is closest to the sun.
Which planet is called the red planet?=Mars is called the red planet.|Which planet do we live on?=We live on Earth.
Which planet has rings?=Saturn has rings.|How many planets are there?=There are 8 planets.
What is the largest ocean?=The largest ocean is the Pacific Ocean.|What is the longest river?=The longest river is the Nile.
What is the highest mountain?=The highest mountain is Mount Everest.|What is the largest country?=The largest country is Russia.
What is the smallest country?=The smallest country is Vatican City.|What is the largest animal?=The largest animal is the blue whale.
What is the fastest land animal?=The fastest land animal is the cheetah.|What is the tallest animal?=The tallest animal is the giraffe.
What is the largest desert?=The largest hot desert is the Sahara.|How many continents are there?=There are 7 continents.
How many days are in a week?=There are 7 days in a week.|How many months are in a year?=There are 12 months in a year.
How many days are in a year?=There are 365 days in a year.|How many days are in a leap year?=There are 366 days in a leap year.
How many hours are in a day?=There are 24 hours in a day.|How many minutes are in an hour?=There are 60 minutes in an hour.
How many seconds are in a minute?=There are 60 seconds in a minute.|How many weeks are in a year?=There are 52 weeks in a year.
How many letters are in the alphabet?=There are 26 letters in the English alphabet.|How many seasons are there?=There are 4 seasons.
How many sides does a triangle have?=A triangle has 3 sides.|How many sides does a square have?=A square has 4 sides.
How many sides does a hexagon have?=A hexagon has 6 sides.|How many bits are in a byte?=There are 8 bits in a byte.
How many fingers do people have?=People have 10 fingers.|How many wheels does a car have?=A car has 4 wheels.
How many wheels does a bicycle have?=A bicycle has 2 wheels.|How many strings does a violin have?=A violin has 4 strings.
How many strings does a guitar have?=A guitar has 6 strings.|How many players are in a football team?=A football team has 11 players.
How many centimeters are in a meter?=There are 100 centimeters in a meter.|How many meters are in a kilometer?=There are 1000 meters in a kilometer.
How many grams are in a kilogram?=There are 1000 grams in a kilogram.|How many cents are in a dollar?=There are 100 cents in a dollar.
How many years are in a century?=There are 100 years in a century.|How many years are in a decade?=There are 10 years in a decade.
How many eggs are in a dozen?=There are 12 eggs in a dozen.|What is the freezing point of water?=Water freezes at 0 degrees Celsius.
What is the boiling point of water?=Water boils at 100 degrees Celsius.|What is the chemical formula of water?=The chemical formula of water is H2O.
What is the chemical formula of table salt?=The chemical formula of table salt is NaCl.|What do bees make?=Bees make honey.
What do cows give us?=Cows give us milk.|What do plants need to grow?=Plants need light, water and air to grow.
Where does the sun rise?=The sun rises in the east.|Where does the sun set?=The sun sets in the west.
Who painted the Mona Lisa?=Leonardo da Vinci painted the Mona Lisa.|Who invented the telephone?=Alexander Graham Bell invented the telephone.
Who invented the light bulb?=Thomas Edison invented the light bulb.|Who discovered penicillin?=Alexander Fleming discovered penicillin.
Who discovered gravity?=Isaac Newton described gravity.|Who developed the theory of relativity?=Albert Einstein developed the theory of relativity.
Who was the first man on the moon?=Neil Armstrong was the first man on the moon.|Who was the first person in space?=Yuri Gagarin was the first person in space.
Who invented the World Wide Web?=Tim Berners-Lee invented the World Wide Web.|Who created Linux?=Linus Torvalds created Linux.
Who created Python?=Guido van Rossum created Python.|Who wrote the first computer program?=Ada Lovelace wrote the first computer program.
Who was Alan Turing?=Alan Turing was a pioneer of computing.|Who was Ada Lovelace?=Ada Lovelace wrote the first computer program.
Who was Albert Einstein?=Albert Einstein was a physicist.|Who was Isaac Newton?=Isaac Newton was a physicist and mathematician.
Who was William Shakespeare?=William Shakespeare was an English poet and playwright.|Who was Mozart?=Mozart was an Austrian composer.
Who was Beethoven?=Beethoven was a German composer.|Who was Napoleon?=Napoleon was a French emperor.
Who composed the Ninth Symphony?=Beethoven composed the Ninth Symphony.|Who wrote the Magic Flute?=Mozart wrote The Magic Flute.
Where is the Eiffel Tower?=The Eiffel Tower is in Paris.|Where is the Colosseum?=The Colosseum is in Rome.
Where is Big Ben?=Big Ben is in London.|Where is the Statue of Liberty?=The Statue of Liberty is in New York.
Where is the Great Wall?=The Great Wall is in China.|Where are the pyramids?=The great pyramids are in Egypt.
Where is the Taj Mahal?=The Taj Mahal is in India.|Where is Mount Fuji?=Mount Fuji is in Japan.
In which year did World War II end?=World War II ended in 1945.|In which year did World War I begin?=World War I began in 1914.
In which year did people land on the moon?=People landed on the moon in 1969.|In which year did the Berlin Wall fall?=The Berlin Wall fell in 1989.
What is the value of pi?=Pi is about 3.14159.|What is the square root of 16?=The square root of 16 is 4.
What is the square root of 9?=The square root of 9 is 3.|What is the square root of 25?=The square root of 25 is 5.
What is the square root of 81?=The square root of 81 is 9.|What is the square root of 100?=The square root of 100 is 10.
What is the speed of light?=Light travels about 300000 kilometers a second.
What colors are in the French flag?=The French flag is blue, white and red.|What are the primary colors?=The primary colors are red, yellow and blue.
What are the colors of the rainbow?=The colors of the rainbow are red, orange, yellow, green, blue, indigo and violet.
What are the four seasons?=The four seasons are spring, summer, autumn and winter.|What are the seasons?=The four seasons are spring, summer, autumn and winter.
What are the planets?=The planets are Mercury, Venus, Earth, Mars, Jupiter, Saturn, Uranus and Neptune.
What are the continents?=The continents are Africa, Antarctica, Asia, Australia, Europe, North America and South America.
What are the oceans?=The oceans are the Pacific, Atlantic, Indian, Southern and Arctic Ocean.
What are the vowels?=The vowels are a, e, i, o and u.|Say the alphabet.=a b c d e f g h i j k l m n o p q r s t u v w x y z
What is the first letter of the alphabet?=The first letter of the alphabet is a.|What is the last letter of the alphabet?=The last letter of the alphabet is z.
What color do you get from blue and yellow?=Blue and yellow make green.|What color do you get from red and yellow?=Red and yellow make orange.
What color do you get from red and blue?=Red and blue make purple.|What color do you get from black and white?=Black and white make grey.
Is the Earth flat?=No, the Earth is round.|Is fire hot?=Yes, fire is hot.|Is ice cold?=Yes, ice is cold.|Is the sun a star?=Yes, the sun is a star.
Is a whale a fish?=No, a whale is a mammal.|Is a spider an insect?=No, a spider is an arachnid.|Can birds fly?=Yes, most birds can fly.
Can fish fly?=No, fish swim.|Can dogs fly?=No, dogs cannot fly.|Do fish live in water?=Yes, fish live in water.""".replace("\n", "|").split("|")]

HELLO_IN = dict(line.split(":") for line in """French:bonjour|German:hallo|Spanish:hola|Italian:ciao|Portuguese:ola|Dutch:hallo
Swedish:hej|Danish:hej|Finnish:hei|Polish:czesc|Turkish:merhaba|Hawaiian:aloha|Japanese:konnichiwa|English:hello""".replace("\n", "|").split("|"))

THANKS_IN = dict(line.split(":") for line in """French:merci|German:danke|Spanish:gracias|Italian:grazie|Portuguese:obrigado
Dutch:dank je|Swedish:tack|Polish:dziekuje|Japanese:arigato""".replace("\n", "|").split("|"))

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()

POEMS = ["""Small lights blink in a quiet room,
numbers hum like a patient loom,
line by line the answers grow,
a machine that learns to know.""", """A computer sat and thought all night
of zeros and ones in silver light.
At dawn it printed, clear and small:
hello, dear world, hello to all.""", """O little chip of sand and fire,
of copper road and golden wire,
you count the stars, you keep the time,
and now and then you make a rhyme."""]

HAIKU = """Silent keys at dawn,
a cursor blinks and answers:
electric morning."""

JOKES = ["Why did the computer go to the doctor? Because it had a virus.",
         "Why was the computer cold? It left its windows open.",
         "There are 10 kinds of people: those who read binary and those who do not."]

STORY = """Once upon a time a small computer lived in a quiet room. Every day it counted to ten and waited. One evening a child
asked it a question. The computer thought for a while and answered. The child smiled, and the computer was not alone
any more. The end.""".replace("\n", " ")

NAME = "the gpt-oss-node demo model"
IDENTITY = ("I am the gpt-oss-node demo model: a tiny gpt-oss that shows that the node works. "
            "I am a demo, not an oracle.")
ABILITIES = ("I can add and count, name capitals and a few other facts, repeat and reverse short lists, "
             "find a fact in a long text, call the functions you offer, and recite a short poem about computers.")
UNKNOWN = "I don't know. I am only a small demo model."
