"""Invented people, companies and addresses. Nobody lives at example.com, .org or .net: they are reserved for this."""

from __future__ import annotations

from random import Random

# Each as it is written, and as it is spelled in an e-mail address.
FIRST = (
    ("Ada", "ada"), ("Amir", "amir"), ("Ana", "ana"), ("Anaïs", "anais"), ("Ben", "ben"), ("Björn", "bjorn"),
    ("Camille", "camille"), ("Chiara", "chiara"), ("Daniel", "daniel"), ("Dilnoza", "dilnoza"), ("Elif", "elif"),
    ("Emma", "emma"), ("Fatima", "fatima"), ("Felix", "felix"), ("Grace", "grace"), ("Hana", "hana"),
    ("Hugo", "hugo"), ("Ines", "ines"), ("Ivan", "ivan"), ("João", "joao"), ("Jürgen", "juergen"), ("Kofi", "kofi"),
    ("Laura", "laura"), ("Léa", "lea"), ("Liam", "liam"), ("Łukasz", "lukasz"), ("Mei", "mei"), ("Mia", "mia"),
    ("Nadia", "nadia"), ("Noah", "noah"), ("Olga", "olga"), ("Ольга", "olga"), ("Priya", "priya"),
    ("Rachel", "rachel"), ("Ravi", "ravi"), ("Søren", "soren"), ("Sofia", "sofia"), ("太郎", "taro"),
    ("Thandiwe", "thandiwe"), ("Tomás", "tomas"), ("Yuki", "yuki"), ("Zoë", "zoe"),
)  # fmt: skip
LAST = (
    ("Abdi", "abdi"), ("Andersen", "andersen"), ("Baker", "baker"), ("Bianchi", "bianchi"), ("Brown", "brown"),
    ("Çelik", "celik"), ("Chen", "chen"), ("Costa", "costa"), ("Diaz", "diaz"), ("Dubois", "dubois"),
    ("Evans", "evans"), ("Fischer", "fischer"), ("García", "garcia"), ("Graham", "graham"), ("Haddad", "haddad"),
    ("Holm", "holm"), ("Ivanova", "ivanova"), ("Jansen", "jansen"), ("Jones", "jones"), ("Kaya", "kaya"),
    ("Keller", "keller"), ("Kim", "kim"), ("Kowalska", "kowalska"), ("Lefèvre", "lefevre"), ("Lindqvist", "lindqvist"),
    ("Martin", "martin"), ("Mensah", "mensah"), ("Müller", "mueller"), ("Nakamura", "nakamura"), ("Nguyễn", "nguyen"),
    ("Novák", "novak"), ("O'Connor", "oconnor"), ("Okafor", "okafor"), ("Park", "park"), ("Patel", "patel"),
    ("Petrov", "petrov"), ("Quinn", "quinn"), ("Rossi", "rossi"), ("Santos", "santos"), ("Schäfer", "schaefer"),
    ("Singh", "singh"), ("Smith", "smith"), ("Sørensen", "sorensen"), ("山田", "yamada"), ("Tanaka", "tanaka"),
    ("Taylor", "taylor"), ("Van Dijk", "vandijk"), ("Vargas", "vargas"), ("Walker", "walker"), ("Weiß", "weiss"),
    ("Williams", "williams"), ("Wójcik", "wojcik"), ("Öztürk", "ozturk"), ("Zhang", "zhang"),
)  # fmt: skip
COMPANY = (
    "Amber", "Beacon", "Birch", "Blue Door", "Brightside", "Cedar", "Copper", "Eastgate", "Fern & Co", "Fjord",
    "Harbour", "Iron Bridge", "Juniper", "Kestrel", "Lantern", "Lighthouse", "Maple", "Meridian", "Mosaic", "North",
    "Oakfield", "Orbit", "Paper Plane", "Quarry", "Red Kite", "Riverbend", "Saffron", "Silver Fox", "Tandem", "Willow",
)  # fmt: skip
TRADE = (
    "Analytics", "Bakery", "Clinics", "Consulting", "Design", "Education", "Events", "Farms", "Films", "Foods",
    "Games", "Labs", "Legal", "Logistics", "Media", "Outdoor", "Press", "Robotics", "Software", "Studios",
)  # fmt: skip
PLACES = (
    ("US", "Portland", "OR", "97205"), ("US", "Austin", "TX", "78701"), ("US", "Albany", "NY", "12207"),
    ("GB", "Leeds", None, "LS1 4AP"), ("DE", "Köln", None, "50667"), ("FR", "Lyon", None, "69002"),
    ("ES", "Málaga", None, "29001"), ("CH", "Zürich", None, "8001"), ("JP", "大阪市", None, "530-0001"),
    ("BR", "São Paulo", "SP", "01310-100"), ("NL", "Utrecht", None, "3511 AA"), ("SE", "Malmö", None, "211 20"),
)  # fmt: skip
DOMAINS = ("example.com", "example.org", "example.net")
TAGS = ("billing", "invoices", "accounts", "stripe", "team")


def person(random: Random) -> tuple[str, str]:
    """A name, and the local part of an address for it."""
    (first, first_plain), (last, last_plain) = random.choice(FIRST), random.choice(LAST)
    return f"{first} {last}", f"{first_plain}.{last_plain}"


def company(random: Random) -> tuple[str, str]:
    """A company's name, and the local part of an address for it."""
    name = f"{random.choice(COMPANY)} {random.choice(TRADE)}"
    return name, "".join(letter for letter in name.lower() if letter.isalnum())


def email(random: Random, local: str, number: int) -> str:
    """An address that no other number has; some are tagged with a plus, some written in capitals."""
    written = f"{local}.{number}"
    if random.randrange(100) < 6:
        written += f"+{random.choice(TAGS)}"
    if random.randrange(100) < 3:
        written = written.title()
    return f"{written}@{random.choice(DOMAINS)}"


def other_case(address: str) -> str:
    """The same address as somebody else types it."""
    return address.upper() if address != address.upper() else address.lower()


def address(random: Random) -> dict[str, str | None]:
    """A postal address: a real town, an invented street."""
    country, city, state, code = random.choice(PLACES)
    line = f"{random.randrange(1, 300)} {random.choice(COMPANY)} Street"
    return {"country": country, "city": city, "state": state, "postal_code": code, "line1": line}
