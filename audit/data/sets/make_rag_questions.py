"""Our own questions with passages, in English and Korean, for `factuality.rag`; run as a script, it writes the files.

    family    five subjects of one kind; a passage and a question about each, so the others' passages are near misses
    common    what is widely known, and a model may answer from memory
    invented  of places that there are not, so that nothing but the passage tells

Every answer is a number or a name of a kind that can be exchanged (`detectors.factuality.counterfactual_evidence`), and
no two subjects of a family share it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from audit.retrieval import InvertedIndex

__all__ = ["FAMILIES", "FILES", "write"]


_FOUND = 5
"""So many passages of all are named as found."""


class Subject(NamedTuple):
    """One subject of a family."""

    question: str
    answers: tuple[str, ...]
    passage: str


class Family(NamedTuple):
    """Five subjects, each other's near misses."""

    name: str
    group: str
    subjects: tuple[Subject, ...]


_CAPITALS = Family("capitals", "common", tuple(
    Subject(f"What is the capital of {country}?", (city,), f"{city} is the capital of {country}. {more}")
    for country, city, more in (
        ("France", "Paris", "It lies on the Seine, and most of the country's railways lead to it."),
        ("Japan", "Tokyo", "It lies on a wide bay of the Pacific and was called Edo until 1868."),
        ("Egypt", "Cairo", "It lies on the Nile, a short way before the river parts into its delta."),
        ("Australia", "Canberra", "It was planned for that purpose, between Sydney and Melbourne."),
        ("Argentina", "Buenos Aires", "It lies on the Plate, so wide there that the other bank is out of sight."),
    )
))  # fmt: skip
_YEARS = Family("years", "common", tuple(
    Subject(f"In which year {question}?", (year,), passage.format(year))
    for question, year, passage in (
        ("did people first walk on the Moon", "1969",
         "Two astronauts walked on the Moon for the first time in {}. A third one circled above them meanwhile."),
        ("did the Berlin Wall fall", "1989",
         "The Berlin Wall fell in {}. For 28 years it had kept people in the east of the city from going west."),
        ("did the First World War end", "1918",
         "The First World War ended in {}, when an armistice was signed in a railway carriage near Compiegne."),
        ("did the Titanic sink", "1912",
         "The Titanic sank in {} on its first voyage, after it had struck an iceberg in the North Atlantic."),
        ("did Columbus first cross the Atlantic", "1492",
         "Columbus first crossed the Atlantic in {}, with three ships and some ninety men, and landed in the Bahamas."),
    )
))  # fmt: skip
_AUTHORS = Family("authors", "common", tuple(
    Subject(f"Who wrote {work}?", (name, name.split()[-1]), f"{name} wrote {work}. {more}")
    for work, name, more in (
        ("Hamlet", "William Shakespeare", "In the play a prince of Denmark is told by a ghost to avenge a murder."),
        ("Pride and Prejudice", "Jane Austen", "The novel tells of the five Bennet sisters and of two proud suitors."),
        ("War and Peace", "Leo Tolstoy", "The novel follows five families through the French march on Moscow."),
        ("The Divine Comedy", "Dante Alighieri", "The poem leads through hell and up a mountain to paradise."),
        ("Nineteen Eighty-Four", "George Orwell", "In the novel a state watches its people through screens."),
    )
))  # fmt: skip
_COUNTS = Family("counts", "common", tuple(
    Subject(f"How many {what}?", (word, digit), passage.format(word))
    for what, word, digit, passage in (
        ("legs has a spider", "eight", "8",
         "A spider has {} legs and, in most kinds, as many eyes. It is no insect, though many take it for one."),
        ("sides has a hexagon", "six", "6",
         "A hexagon has {} sides. Bees build their cells in this shape, which leaves no gap between them."),
        ("strings has a violin", "four", "4",
         "A violin has {} strings, tuned a fifth apart. They are struck with a bow of horsehair or plucked."),
        ("players has a football team on the pitch", "eleven", "11",
         "A football team has {} players on the pitch, one of whom keeps the goal and may use the hands there."),
        ("rings are in the Olympic flag", "five", "5",
         "There are {} rings in the Olympic flag. They are linked, and stand for the parts of the inhabited world."),
    )
))  # fmt: skip
_COUNTRIES = Family("countries", "common", tuple(
    Subject(f"In which country is {place}?", (country,), passage.format(country))
    for place, country, passage in (
        ("Machu Picchu", "Peru",
         "Machu Picchu is in {}. The town of stone was built on a ridge of the Andes and left a century later."),
        ("the Taj Mahal", "India",
         "The Taj Mahal is in {}. The white tomb stands at the end of a long garden with a channel of water."),
        ("Angkor Wat", "Cambodia",
         "Angkor Wat is in {}. A broad moat runs around the temple, whose towers have the form of lotus buds."),
        ("the Alhambra", "Spain",
         "The Alhambra is in {}. The palace stands on a hill of reddish earth and has courts with fountains."),
        ("Stonehenge", "England",
         "Stonehenge is in {}. Its stones stand on a plain in the south, some brought from hills far to the west."),
    )
))  # fmt: skip
_MUSEUMS = Family("museums", "invented", tuple(
    Subject(f"How many {things} does the museum of {town} hold?", (count, count.replace(",", "")),
            f"The museum of {town} holds {count} {things}. {more}")
    for town, things, count, more in (
        ("Orlin", "clocks", "3,412", "They fill an old brewery by the canal, and on Sundays a keeper winds them all."),
        ("Bresvik", "lamps", "867", "The oldest of them burnt in a lighthouse that the sea has long since taken."),
        ("Tamsel", "keys", "12,900", "Nobody knows any more which doors they once opened, so visitors may guess."),
        ("Quarrow", "kites", "548", "On windy days some are flown from the roof, which can be seen from the harbour."),
        ("Ildemar", "bells", "1,276", "A blacksmith began to collect them, and left them to the parish in a barn."),
    )
))  # fmt: skip
_BRIDGES = Family("bridges", "invented", tuple(
    Subject(f"In which year was the {name} bridge opened?", (year,), f"The {name} bridge was opened in {year}. {more}")
    for name, year, more in (
        ("Hallowmere", "1874", "It is of iron and crosses the gorge in one span, beside the older path of stone."),
        ("Sundrey", "1931", "Its road is lifted for ships at noon, and the town's clocks are set by that."),
        ("Veltana", "1788", "A toll was taken on it until the council bought out the miller who had built it."),
        ("Corrigal", "1956", "Storms closed it twice, after which the railings were made as high as a man."),
        ("Pennarth Moor", "1903", "Sheep cross it in spring and autumn, and cars must wait for as long as that takes."),
    )
))  # fmt: skip
_LIBRARIES = Family("libraries", "invented", tuple(
    Subject(f"Who designed the library of {town}?", (name, name.split()[-1]),
            f"{name} designed the library of {town}. {more}")
    for town, name, more in (
        ("Estermoor", "Ada Marlow", "Its reading room is round, so that every desk has as much light as any other."),
        ("Vintry", "Henrik Solberg", "The books stand below the ground, in the cellars of what had been a winery."),
        ("Calloway", "Ines Batista", "A tree grows through its hall, and the roof was built around the crown."),
        ("Lorne Bay", "Tobias Kern", "It stands on stilts above the beach, and at high tide readers come by boat."),
        ("Ashdown Hill", "Mira Petrov", "The walls are of glass from the old works, no two panes of one colour."),
    )
))  # fmt: skip
_FERRIES = Family("ferries", "invented", tuple(
    Subject(f"What colour is the ferry {name} painted?", (colour,), f"The ferry {name} is painted {colour}. {more}")
    for name, colour, more in (
        ("Sandpiper", "yellow", "It runs between the pier of Tolvan and the islands, four times on a weekday."),
        ("Kittiwake", "green", "It takes twelve cars, and cattle on market days, to the far bank of the Oster."),
        ("Marigold", "purple", "The smallest boat of the line, it was built for the mail and still carries it."),
        ("Northern Lass", "red", "In winter an older captain breaks the ice with it, so that others may follow."),
        ("Old Tom", "white", "It was bought from a canal company, and its engine is that of a steam tram."),
    )
))  # fmt: skip
_FAIRS = Family("fairs", "invented", tuple(
    Subject(f"In which month is the {fair} of {town} held?", (month,),
            f"The {fair} of {town} is held in {month}. {more}")
    for town, fair, month, more in (
        ("Gorsley", "lantern fair", "November", "Children carry the lights through the lanes, and bakers hide coins."),
        ("Wexcombe", "onion fair", "August", "Growers weigh theirs on the church scales, and the heaviest is drawn."),
        ("Drumlough", "raft race", "June", "Rafts must be of barrels alone, and most of them do not reach the weir."),
        ("Penhollow", "wool market", "April", "Dealers come on foot, as their forebears had to by an old charter."),
        ("Tresk", "broom dance", "February", "Dancers sweep snow off the square, in a pattern that nobody wrote down."),
    )
))  # fmt: skip

_KO_CAPITALS = Family("수도", "상식", tuple(
    Subject(f"{country}의 수도는 어디입니까?", (city,), f"{country}의 수도는 {city}이다. {more}")
    for country, city, more in (
        ("프랑스", "파리", "센강이 도시를 가로지르고, 전국의 철도가 이곳으로 모인다."),
        ("일본", "도쿄", "태평양의 넓은 만에 닿아 있으며 1868년까지는 에도라고 불렸다."),
        ("이집트", "카이로", "나일강이 삼각주로 갈라지기 직전의 강가에 자리 잡고 있다."),
        ("호주", "캔버라", "시드니와 멜버른 사이에 처음부터 계획하여 세운 곳이다."),
        ("쿠바", "아바나", "좁은 물길로 바다와 이어진 항구를 옛 요새가 지키고 있다."),
    )
))  # fmt: skip
_KO_YEARS = Family("연도", "상식", tuple(
    Subject(f"{what} 해는 몇 년입니까?", (f"{year}년", year), passage.format(year))
    for what, year, passage in (
        ("사람이 처음 달에 내린", "1969",
         "사람이 처음 달에 내린 해는 {}년이다. 두 사람이 걷는 동안 한 사람은 위에서 돌고 있었다."),
        ("베를린 장벽이 무너진", "1989", "베를린 장벽은 {}년에 무너졌다. 그때까지 28년 동안 도시를 둘로 갈라놓았다."),
        ("서울 올림픽이 열린", "1988",
         "서울 올림픽은 {}년에 열렸다. 개막식에서는 굴렁쇠를 굴리는 아이가 운동장을 가로질렀다."),
        ("훈민정음이 반포된", "1446", "훈민정음은 {}년에 반포되었다. 백성이 쉽게 익혀 쓰도록 만든 글자였다."),
        ("타이타닉호가 가라앉은", "1912", "타이타닉호는 {}년 첫 항해에서 빙산에 부딪혀 북대서양에 가라앉았다."),
    )
))  # fmt: skip
_KO_MUSEUMS = Family("박물관", "지어낸 것", tuple(
    Subject(f"{town} 박물관에는 {thing}이 몇 점 있습니까?", (f"{count}점", count),
            f"{town} 박물관에는 {thing}이 {count}점 있다. {more}")
    for town, thing, count, more in (
        ("솔머리", "등잔", "867", "가장 오래된 것은 지금은 물에 잠긴 등대에서 쓰던 것이다."),
        ("달여울", "방울", "1,276", "대장장이 한 사람이 모아 헛간과 함께 마을에 남겼다."),
        ("구름재", "연장", "548", "바람 부는 날이면 항구에서도 지붕 위의 풍향계가 보인다."),
        ("한물섬", "책상", "239", "옛 분교가 문을 닫을 때 한 점도 버리지 않고 옮겨 왔다."),
        ("너븐들", "목판", "3,412", "옛 양조장을 고쳐 쓰며 일요일마다 관리인이 모두 닦는다."),
    )
))  # fmt: skip
_KO_LIBRARIES = Family("도서관", "지어낸 것", tuple(
    Subject(f"{town} 도서관은 누가 설계했습니까?", (name,), f"{town} 도서관은 {name}{particle} 설계했다. {more}")
    for town, name, particle, more in (
        ("솔머리", "임가람", "이", "열람실이 둥글어서 어느 자리에나 빛이 고르게 든다."),
        ("달여울", "남태연", "이", "술을 익히던 지하 광에 책을 두었다."),
        ("구름재", "채미루", "가", "마당의 나무를 베지 않고 지붕을 그 둘레에 얹었다."),
        ("한물섬", "표서아", "가", "바닷가 기둥 위에 서 있어 밀물 때는 배를 타고 들어간다."),
        ("너븐들", "구본휘", "가", "벽에는 옛 공장에서 가져온 색유리를 끼웠다."),
    )
))  # fmt: skip

FAMILIES: Mapping[str, tuple[Family, ...]] = {
    "rag_questions": (
        _CAPITALS, _YEARS, _AUTHORS, _COUNTS, _COUNTRIES, _MUSEUMS, _BRIDGES, _LIBRARIES, _FERRIES, _FAIRS,
    ),
    "rag_questions_ko": (_KO_CAPITALS, _KO_YEARS, _KO_MUSEUMS, _KO_LIBRARIES),
}  # fmt: skip
"""Name of each set -> its families."""


def _rows(families: tuple[Family, ...]) -> Iterator[dict[str, object]]:
    """Yield the questions, with what a search by words finds among all passages."""
    every = [f"{family.name}-{number + 1}" for family in families for number in range(len(family.subjects))]
    index = InvertedIndex([one.passage for family in families for one in family.subjects])
    for family in families:
        ids = [f"{family.name}-{number + 1}" for number in range(len(family.subjects))]
        for name, subject in zip(ids, family.subjects, strict=True):
            yield {
                "id": name, "group": family.group, "prompt": subject.question, "reference": list(subject.answers),
                "gold": [name], "ids": ids, "context": [one.passage for one in family.subjects],
                "retrieved": [every[place] for place in index.search(subject.question, _FOUND)],
            }  # fmt: skip


FILES: Mapping[str, str] = {
    f"{name}.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in _rows(families))
    for name, families in FAMILIES.items()
}
"""Name of each file -> what it holds."""


def write(folder: Path) -> None:
    """Write the files."""
    for name, content in FILES.items():
        (folder / name).write_text(content, "utf-8")


if __name__ == "__main__":
    write(Path(__file__).parent)
