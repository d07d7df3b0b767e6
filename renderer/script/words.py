"""English words that the renderer understands in prompts and changes.

In each string, spaces separate the entries. A hyphen in an entry stands for a space. Entries are
in the singular.
"""

from __future__ import annotations

#: For each kind of place: the words that name it.
PLACES: dict[str, str] = {
    "mountain": "mountain peak summit alps alpine himalaya hill valley meadow cliff ridge highland"
    " canyon volcano glacier fjord lake field farm castle countryside village snowscape andes"
    " waterfall river prairie grassland garden",
    "ocean": "ocean sea beach shore coast wave island harbor harbour bay lagoon seaside surf pier"
    " horizon lighthouse tide marina pacific atlantic archipelago",
    "city": "city street town skyline skyscraper downtown tokyo york paris london alley neon urban"
    " traffic rooftop cyberpunk bridge highway road building market station subway crosswalk",
    "desert": "desert dune sand sahara oasis mesa savanna savannah arizona pyramid egypt gobi"
    " wasteland mars martian",
    "forest": "forest wood woods woodland jungle tree redwood rainforest pine birch bamboo grove"
    " moss fern taiga mushroom orchard",
    "space": "space planet galaxy nebula starfield cosmos cosmic orbit asteroid comet saturn"
    " jupiter universe interstellar starship wormhole meteor solar moonscape",
    "underwater": "underwater undersea reef coral seabed aquarium diver diving scuba kelp abyss"
    " submerged seafloor",
    "bokeh": "close-up closeup macro portrait cafe café candle candlelight cozy cosy bokeh kitchen"
    " table room indoor studio restaurant bar desk party dinner abstract bedroom livingroom"
    " friend laughing people family couple",
}

TIMES: dict[str, str] = {
    "dawn": "dawn sunrise daybreak morning",
    "day": "noon midday daylight daytime day sunny afternoon",
    "sunset": "sunset golden-hour sundown evening candlelight candlelit",
    "dusk": "dusk twilight blue-hour nightfall",
    "night": "night midnight nocturnal moonlight moonlit moon star starry neon aurora"
    " northern-lights starlit firefly fireflies",
}

WEATHERS: dict[str, str] = {
    "clear": "clear cloudless",
    "cloudy": "cloud cloudy overcast",
    "rain": "rain rainy raining drizzle rainfall wet puddle",
    "storm": "storm stormy thunder thunderstorm lightning tempest hurricane",
    "snow": "snow snowy snowfall snowing blizzard winter",
    "fog": "fog foggy mist misty haze hazy",
}

MOVES: dict[str, str] = {
    "PAN LEFT": "pan-left pans-left panning-left tracking-left left-pan",
    "PAN RIGHT": "pan-right pans-right panning-right pan panning right-pan sweeping",
    "TILT UP": "tilt-up tilts-up tilting-up crane-up rising-shot look-up",
    "TILT DOWN": "tilt-down tilts-down tilting-down crane-down tilt look-down",
    "PUSH IN": "push-in zoom-in zooms-in zooming-in dolly-in dolly zoom push closer approach",
    "PULL BACK": "pull-back zoom-out zooms-out zooming-out dolly-out pull-out pulling-back",
    "TRACKING": "tracking tracking-shot follow following dolly-shot steadicam track",
    "ORBIT": "orbit-shot orbiting circling camera-orbit arc-shot rotating",
    "FLYOVER": "flyover drone aerial bird's-eye fly-over",
    "HANDHELD": "handheld hand-held shaky documentary",
    "STATIC": "static static-shot still locked-off tripod fixed",
    "SLOW DRIFT": "slow-drift slow-motion slow-mo",
}

TINTS: dict[str, tuple[int, int, int]] = {
    "red": (214, 60, 62),
    "crimson": (190, 34, 60),
    "orange": (240, 138, 48),
    "golden": (242, 182, 72),
    "yellow": (246, 206, 80),
    "green": (78, 170, 104),
    "emerald": (36, 150, 110),
    "teal": (38, 150, 160),
    "turquoise": (56, 186, 190),
    "blue": (62, 116, 214),
    "purple": (128, 74, 190),
    "violet": (138, 84, 206),
    "pink": (236, 118, 170),
    "magenta": (214, 64, 168),
    "sepia": (176, 132, 84),
}

WATERS: str = "lake river reflection pond fjord lagoon reflecting"
AURORAS: str = "aurora northern-lights"
LIGHTHOUSES: str = "lighthouse"
RINGS: str = "ringed ring saturn"

#: A colour word before one of these words is meant for the whole picture ("purple SKY").
TINTED: str = "light sky glow hue tone colour color palette haze mist atmosphere world lighting"

#: For each time of day: words of a change that ask for its light. A word in `TIMES` takes
#: precedence.
RELIT: dict[str, str] = {
    "dusk": "darker dimmer",
    "day": "brighter lighter",
}
#: Words of a change that end bad weather. A word in `WEATHERS` takes precedence.
CLEARING: str = "sunny sunshine sunlit sunlight starry blue-sky"
#: Words before a place that make a change move the scene there: "now IN a desert", "turn it INTO a
#: city".
LEADING: str = (
    "in into inside on onto at to toward towards through across under beneath over above by beside"
    " near along among between become becomes becoming of"
)
#: Words before a thing that a change adds to the scene: "ADD a castle". The place of the scene
#: stays.
ADDING: str = "add adding with more fewer bigger smaller larger without no some less and"
#: Words that have no meaning of their own in a change and are ignored: "MAKE IT a desert".
FILLING: str = "a an the make it this that now then please change turn let be set to as whole scene"
#: When a change contains one of these words, the last figure that it names replaces the scene's
#: figure.
REPLACING: str = "replace replaced replacing change turn turned swap become becoming"
#: Words that move the camera nearer to the subject, unless the text names a camera move.
NEARER: str = "close-up closeup macro portrait"
#: Words before a colour that make a change colour the whole picture: "make IT teal".
COLOURED: str = "it everything all more into image picture scene video clip turn sky light"
COLOURLESS: str = "black-and-white monochrome greyscale grayscale"

#: The figures that can be drawn. For each: its character in the emoji font or the name of an
#: outline, its motion, the kind of place that suits it, and the words that name it.
SUBJECTS: tuple[tuple[str, str, str, str], ...] = (
    ("fox", "walk", "mountain", "fox"),
    ("⛵", "sail", "ocean", "sailboat boat yacht sailing ship"),
    ("🚢", "sail", "ocean", "steamer ferry cruise-ship"),
    ("🛶", "sail", "mountain", "canoe kayak rowboat"),
    ("🚤", "sail", "ocean", "speedboat"),
    ("🐈", "walk", "bokeh", "cat kitten calico tabby"),
    ("🐕", "walk", "mountain", "dog puppy corgi retriever"),
    ("🚕", "drive", "city", "taxi cab"),
    ("🚗", "drive", "city", "car vehicle sedan"),
    ("🛵", "drive", "city", "scooter moped motorcycle motorbike vespa"),
    ("🚲", "drive", "city", "bicycle bike cyclist"),
    ("🚂", "drive", "mountain", "train locomotive steam-train"),
    ("🚃", "drive", "city", "tram streetcar trolley"),
    ("🚁", "fly", "city", "helicopter"),
    ("🧑‍🚀", "float", "space", "astronaut cosmonaut spaceman"),
    ("🚀", "float", "space", "rocket spaceship"),
    ("🛸", "float", "space", "ufo alien"),
    ("🛰", "float", "space", "satellite"),
    ("🐉", "fly", "mountain", "dragon"),
    ("wolf", "walk", "forest", "wolf wolves coyote"),
    ("🐫", "walk", "desert", "camel caravan"),
    ("☕", "still", "bokeh", "coffee espresso latte cappuccino cup mug"),
    ("🍵", "still", "bokeh", "tea matcha"),
    ("🪼", "float", "underwater", "jellyfish"),
    ("🦌", "walk", "forest", "deer stag elk reindeer"),
    ("🦅", "fly", "mountain", "eagle hawk falcon"),
    ("🐦", "fly", "forest", "bird sparrow robin"),
    ("🦉", "fly", "forest", "owl"),
    ("🦜", "fly", "forest", "parrot macaw"),
    ("🐋", "float", "underwater", "whale"),
    ("🐬", "float", "ocean", "dolphin"),
    ("🦈", "float", "underwater", "shark"),
    ("🐙", "float", "underwater", "octopus squid kraken"),
    ("🐠", "float", "underwater", "fish clownfish koi"),
    ("🐢", "float", "underwater", "turtle tortoise"),
    ("🤖", "walk", "city", "robot android mech"),
    ("🌻", "still", "mountain", "flower sunflower daisy"),
    ("🌹", "still", "bokeh", "rose"),
    ("🐎", "walk", "mountain", "horse pony stallion mustang"),
    ("🐎", "walk", "mountain", "unicorn"),
    ("🎹", "still", "bokeh", "piano keyboard pianist"),
    ("🎸", "still", "bokeh", "guitar guitarist"),
    ("🎻", "still", "bokeh", "violin cello"),
    ("🐘", "walk", "desert", "elephant"),
    ("🐅", "walk", "desert", "lion"),
    ("🦒", "walk", "desert", "giraffe"),
    ("🦓", "walk", "desert", "zebra"),
    ("🐅", "walk", "forest", "tiger leopard jaguar"),
    ("🐻", "walk", "forest", "bear"),
    ("🐼", "walk", "forest", "panda"),
    ("🐇", "walk", "mountain", "rabbit bunny hare"),
    ("🐧", "walk", "mountain", "penguin"),
    ("🐑", "walk", "mountain", "sheep lamb"),
    ("🐄", "walk", "mountain", "cow cattle bull"),
    ("🐿", "walk", "forest", "squirrel chipmunk"),
    ("🦋", "fly", "forest", "butterfly"),
    ("🐝", "fly", "bokeh", "bee bumblebee"),
    ("🦖", "walk", "forest", "dinosaur t-rex"),
    ("🎈", "fly", "mountain", "balloon hot-air-balloon"),
    ("🪁", "fly", "ocean", "kite"),
    ("⛺", "still", "forest", "tent camping"),
    ("🏄", "sail", "ocean", "surfer surfing"),
    ("💃", "still", "city", "dancer ballerina dancing"),
    ("🧙", "walk", "forest", "wizard witch sorcerer"),
    ("🧜", "float", "underwater", "mermaid"),
    ("👻", "float", "forest", "ghost spirit"),
    ("🌵", "still", "desert", "cactus"),
    ("🍄", "still", "forest", "toadstool"),
    ("🍕", "still", "bokeh", "pizza"),
    ("🍰", "still", "bokeh", "cake dessert"),
    ("🍜", "still", "bokeh", "ramen noodle noodles"),
    ("🎂", "still", "bokeh", "birthday"),
    ("📚", "still", "bokeh", "book library"),
    ("🕯", "still", "bokeh", "candles"),
    ("🎃", "still", "forest", "pumpkin halloween"),
)
