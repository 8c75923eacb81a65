"""How people name what the drawn world holds: synonyms and turns of phrase."""

from __future__ import annotations

from sample_model.facts import COLOURS, NATURAL_SURFACES

OBJECTS: dict[str, tuple[str, ...]] = {
    "phone case": ("phone case", "phone case", "phone cover", "case for a phone", "mobile case"),
    "mug": ("mug", "mug", "cup", "coffee mug", "coffee cup"),
    "t-shirt": ("t-shirt", "t-shirt", "tshirt", "tee", "shirt", "top"),
    "sneaker": ("sneaker", "sneaker", "sneakers", "shoe", "shoes", "trainer"),
    "tote bag": ("tote bag", "tote bag", "tote", "shopping bag", "bag with handles"),
    "umbrella": ("umbrella", "umbrella", "parasol", "brolly"),
    "cushion": ("cushion", "cushion", "pillow", "throw pillow"),
    "watch": ("watch", "watch", "wristwatch", "wrist watch"),
    "chair": ("chair", "chair", "seat"),
    "lamp": ("lamp", "lamp", "table lamp", "lampshade"),
    "notebook": ("notebook", "notebook", "journal", "diary", "exercise book"),
    "cap": ("cap", "cap", "baseball cap", "hat"),
    "bottle": ("bottle", "bottle", "water bottle", "flask"),
    "vase": ("vase", "vase", "flower vase"),
    "backpack": ("backpack", "backpack", "rucksack", "school bag"),
    "dress": ("dress", "dress", "summer dress", "gown", "frock"),
    "sofa": ("sofa", "sofa", "couch", "settee"),
    "sock": ("sock", "sock", "socks", "pair of socks"),
    "scarf": ("scarf", "scarf", "shawl"),
    "teapot": ("teapot", "teapot", "tea pot"),
    "suitcase": ("suitcase", "suitcase", "trolley case", "luggage", "travel case"),
    "headphones": ("headphones", "headphones", "headset", "earphones"),
}

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in COLOURS},
    "red": ("red", "red", "red", "scarlet", "crimson"),
    "teal": ("teal", "teal", "turquoise"),
    "purple": ("purple", "purple", "violet"),
    "grey": ("grey", "grey", "gray"),
    "blue": ("blue", "blue", "blue", "navy"),
}

# said before the object
SURFACE_ADJECTIVES: dict[str, tuple[str, ...]] = {
    "plain": ("plain", "plain", "solid", "unpatterned", "simple"),
    "striped": ("striped", "striped", "stripy"),
    "polka dot": ("polka dot", "polka dot", "dotted", "spotted"),
    "tartan": ("tartan", "tartan", "plaid"),
    "checkered": ("checkered", "checkered", "chequered", "checked"),
    "chevron": ("chevron", "chevron", "zigzag", "zig zag"),
    "floral": ("floral", "floral", "flowery", "flowered"),
    "starry": ("starry", "starry", "star print"),
    "heart": ("heart", "heart print", "heart patterned"),
    "knitted": ("knitted", "knitted", "knit", "woolly"),
    **{name: (name, f"{name} print", f"{name} patterned") for name in NATURAL_SURFACES},
    "camouflage": ("camouflage", "camouflage", "camo", "army print"),
    "wood": ("wood", "wooden", "wood grain"),
    "denim": ("denim", "denim", "jeans"),
    "brick": ("brick", "brick", "brick wall"),
    "galaxy": ("galaxy", "galaxy", "outer space", "galaxy print"),
    "rainbow": ("rainbow", "rainbow", "rainbow striped"),
    "tie-dye": ("tie-dye", "tie-dye", "tie dye", "tie dyed"),
    "glitter": ("glitter", "gold glitter", "glittery", "sparkly gold"),
    "snakeskin": ("snakeskin", "snakeskin", "snake skin", "snake print"),
    "cow": ("cow", "cow print", "cowhide"),
    "grass": ("grass", "grass", "grassy"),
    "leather": ("leather", "leather", "brown leather"),
    "marble": ("marble", "marble", "marbled"),
}

# said after the object, or after "in", "with", "without"
SURFACE_NOUNS: dict[str, tuple[str, ...]] = {
    "striped": ("stripes", "a striped pattern"),
    "polka dot": ("polka dots", "dots"),
    "tartan": ("a tartan pattern", "plaid"),
    "checkered": ("checks", "a checkered pattern"),
    "chevron": ("chevrons", "a zigzag pattern"),
    "floral": ("flowers", "a floral pattern"),
    "starry": ("stars",),
    "heart": ("hearts",),
    "knitted": ("a knitted pattern", "knit"),
    **{name: (f"{name} print", f"a {name} pattern") for name in NATURAL_SURFACES},
    "leopard": ("leopard print", "leopard print", "leopard spots", "a leopard pattern"),
    "zebra": ("zebra print", "a zebra pattern", "zebra stripes"),
    "tiger": ("tiger print", "a tiger pattern", "tiger stripes"),
    "camouflage": ("camouflage", "camo", "a camouflage pattern"),
    "wood": ("wood", "wood grain", "a wood pattern"),
    "marble": ("marble", "a marble pattern"),
    "denim": ("denim", "jeans fabric"),
    "brick": ("bricks", "a brick pattern"),
    "galaxy": ("galaxy print", "outer space", "a galaxy pattern"),
    "rainbow": ("rainbow colours", "a rainbow"),
    "tie-dye": ("tie-dye", "tie dye"),
    "glitter": ("gold glitter", "glitter"),
    "snakeskin": ("snakeskin", "snake print"),
    "grass": ("grass", "a grass pattern"),
    "leather": ("leather",),
}

IN_SCENE: dict[str, tuple[str, ...]] = {
    "beach": ("on the beach", "on a sandy beach", "at the beach"),
    "forest": ("in the forest", "in the woods", "among trees"),
    "city": ("in the city", "in front of a skyline", "in town"),
    "mountains": ("in the mountains", "with mountains behind", "in front of mountains"),
    "sea": ("at sea", "by the sea", "in front of the ocean"),
    "desert": ("in the desert", "among dunes", "in a desert"),
    "meadow": ("in a meadow", "in the meadow", "in a green field"),
    "snow": ("in the snow", "in winter", "in a snowy landscape"),
}
SCENE_NAMES: dict[str, tuple[str, ...]] = {
    "beach": ("beach", "beach", "sandy beach"),
    "forest": ("forest", "forest", "woods", "trees"),
    "city": ("city", "city", "skyline", "town", "city buildings"),
    "mountains": ("mountains", "mountains", "mountain landscape"),
    "sea": ("sea", "sea", "ocean", "open water"),
    "desert": ("desert", "desert", "dunes"),
    "meadow": ("meadow", "meadow", "green field"),
    "snow": ("snow", "snow", "snowy landscape", "winter landscape"),
}
AT_TIME: dict[str, tuple[str, ...]] = {
    "day": ("by day", "in daylight", "during the day", "in the daytime"),
    "sunset": ("at sunset", "at sunset", "at dusk", "in the evening"),
    "night": ("at night", "at night", "by night", "in the dark"),
}
IN_ROOM: dict[str, tuple[str, ...]] = {
    "white studio": ("on a white background", "in a white studio"),
    "grey studio": ("on a grey background", "in a grey studio"),
    "pastel backdrop": ("on a pastel background", "before a pastel backdrop"),
    "wooden table": ("on a wooden table", "on a table"),
    "coloured wall": ("in front of a coloured wall", "before a wall"),
}

PRODUCT_OPENINGS = (
    "", "", "", "", "a", "a", "the", "photo of a", "picture of a", "show me a", "i want a",
    "find a", "looking for a", "i am looking for a", "do you have a", "i need a", "please show a",
)  # fmt: skip
ENDINGS = ("", "", "", "", "", "", "please", "for sale", "to buy")
SURFACE_ONLY = ("{n}", "something with {n}", "anything with {n}", "{s} things", "{s}", "all {s}")
SWATCH = (
    "close-up of {n}", "{s} fabric", "{s} texture", "swatch of {n}", "{s} swatch", "{s} material",
    "close up of {s} fabric", "{s} background texture", "piece of {s} fabric",
)  # fmt: skip
SCENES = (
    "{d}", "{d}", "a {d}", "photo of a {d}", "landscape with {d}", "view of the {d}", "{d} scene",
    "the {d}", "picture of the {d}", "show me the {d}",
)  # fmt: skip
ANIMALS = (
    "a {n}", "{n}", "{n} animal", "photo of a {n}", "picture of a {n}", "a wild {n}", "the {n}",
    "a {n} standing", "a real {n}",
)  # fmt: skip
PRODUCTS = (
    "{c} {s} {o}", "{c} {s} {o}", "{c} {s} {o}", "{s} {c} {o}", "{s} {o} in {c}",
    "{c} {o} with {n}", "{o} with {n} in {c}", "{o}, {c}, {s}", "{o} in {c} with {n}",
    "{o} {c} {s}",
)  # fmt: skip

WITH_THIS = (
    "{o} with this", "{o} with this", "{o} with this pattern", "{o} in this pattern",
    "{o} in this print", "{o} like this", "{o} with this print", "{o} in this style",
    "a {o} with this on it", "{o} made of this", "{o} in this colour and pattern", "this on a {o}",
    "put this on a {o}", "i want a {o} that looks like this", "{o} with the same pattern",
    "{o} to match this",
)  # fmt: skip
THE_SAME_BUT = (
    "the same but a {o}", "the same but a {o}", "same pattern but a {o}", "same print on a {o}",
    "this but a {o}", "as a {o}", "{o} instead", "a {o} instead", "turn it into a {o}",
    "make it a {o}", "a {o} with the same pattern", "matching {o}", "this pattern as a {o}",
    "the same design on a {o}", "not this but a {o}",
)  # fmt: skip
IN_COLOUR = (
    "in {c}", "in {c}", "make it {c}", "the same in {c}", "{c} instead", "but {c}", "this in {c}",
    "but in {c}", "a {c} one", "the {c} version", "same but {c}", "in {c} please", "{c}",
    "change the colour to {c}", "do you have this in {c}",
)  # fmt: skip
IN_SURFACE = (
    "in {n}", "with {n}", "but {s}", "make it {s}", "the same in {n}", "the same with {n}",
    "a {s} one", "{s} instead", "same but {s}", "this with {n}", "but with {n}", "{s}",
    "the {s} version", "change the pattern to {n}",
)  # fmt: skip
IN_BOTH = ("in {c} with {n}", "{s} {c}", "{c} {s}", "but {c} {s}", "make it {c} with {n}")
IN_PLAIN = ("plain {c}", "in plain {c}", "plain {c} instead", "solid {c}", "but plain {c}")
AT_ANOTHER_TIME = (
    "{t}", "{t}", "this {t}", "the same {t}", "same place {t}", "the same scene {t}", "but {t}",
    "how does this look {t}",
)  # fmt: skip
ELSEWHERE = (
    "{d}", "{d}", "this {d}", "the same {d}", "this one {d}", "put it {d}", "the same thing {d}",
    "but {d}", "show it {d}",
)  # fmt: skip
MORE = (
    "more like this", "similar", "similar pictures", "the same", "like this", "same again",
    "show me more of these", "another one", "another picture of this", "more of this", "this",
)  # fmt: skip
WITHOUT = (
    "without {n}", "without {n}", "no {n}", "not {s}", "but without {n}", "the same without {n}",
    "this without {n}", "but not {s}", "with no {n}",
)  # fmt: skip

# said around what is meant, and without meaning for the drawn world
FILLERS = (
    "and", "or", "of", "for", "with", "in", "on", "at", "to", "from", "by", "my", "your", "our",
    "their", "his", "her", "is", "are", "was", "be", "it", "its", "that", "these", "those", "there",
    "here", "one", "ones", "some", "any", "all", "just", "only", "very", "really", "nice", "pretty",
    "good", "best", "new", "old", "cool", "cute", "beautiful", "lovely", "great", "big", "small",
    "little", "large", "modern", "vintage", "cheap", "favourite", "gift", "present", "birthday",
    "friend", "mother", "father", "kids", "home", "summer", "spring", "autumn", "today", "now",
    "maybe", "would", "could", "should", "can", "could", "like", "want", "need", "get", "give",
    "got", "have", "has", "show", "find", "search", "look", "looking", "see", "buy", "order",
    "picture", "photo", "image", "pictures", "photos", "images", "kind", "type", "sort", "style",
    "shape", "thing", "things", "item", "product", "colour", "color", "pattern", "print", "design",
    "looks", "which", "what", "where", "who", "me", "us", "you", "he", "she", "they", "them", "we",
    "i", "am", "please", "thanks", "hello", "ok", "yes", "no", "not", "but", "so", "too", "also",
    "more", "most", "same", "another", "other", "different", "both", "shop", "store", "sale",
    "price", "drawn", "made", "left", "over", "under", "near", "front", "behind",
)  # fmt: skip
