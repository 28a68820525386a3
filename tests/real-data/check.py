"""Compares what the `ferrumdb` command stores with an independent reading of the same files, also after kills.

The program is only ever talked to through its arguments and pipes. Acknowledgements are recorded here, outside of the
process that is killed.
"""

import argparse
import itertools
import json
import os
import random
import re
import subprocess
import sys
import threading
import time

BATCH_DOCUMENTS = 500
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s"]+')


def main():
    parser = argparse.ArgumentParser()
    for name in ("program", "cities", "countries", "scratch", "seed"):
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    print(f"seed {arguments.seed}")
    store = Store(arguments.program, os.path.join(arguments.scratch, "world.db"))
    cities = documents_of(arguments.cities)
    countries = documents_of(arguments.countries)
    check_import(store, arguments, cities, countries)
    check_indexes(store, cities, countries)
    check_killed_indexes(arguments, cities, chance)
    check_killed_imports(arguments, cities, chance)
    check_killed_sets(arguments, cities, chance)


def check_import(store, arguments, cities, countries):
    """Everything is there, spelled as it was given, and nothing else."""
    started = time.monotonic()
    report = store.run("import", store.path, arguments.cities, "--key-prefix", "city:")
    print(f"cities: {report.strip()}")
    report = store.run("import", store.path, arguments.countries, "--key", "cca3")
    print(f"countries: {report.strip()}")
    expected = {f"city:{number}": text for number, text in enumerate(cities, 1)}
    expected.update({json.loads(text)["cca3"]: text for text in countries})
    must(len(expected) == len(cities) + 250, f"{len(countries)} countries, not 250 of their own keys")
    count = store.run(store.path, commands="COUNT\n").strip()
    must(count == str(len(expected)), f"COUNT says {count}, not {len(expected)}")
    keys = store.run(store.path, commands="KEYS\n").splitlines()
    must(sorted(keys) == sorted(expected), "KEYS lists other keys than were imported")
    compare(store, expected)
    missing = store.run(store.path, commands="GET city:0\nGET XXX\n")
    must(missing == "(nil)\n(nil)\n", f"keys that were never set answer {missing!r}")
    print(f"all {len(expected)} documents are as in the files ({time.monotonic() - started:.1f} s)")


def check_indexes(store, cities, countries):
    """Every value finds exactly the documents that have it, by the indexes, by a scan, and after a kill."""
    documents = {f"city:{number}": json.loads(text) for number, text in enumerate(cities, 1)}
    documents.update({document["cca3"]: document for document in map(json.loads, countries)})
    expected = {field: keys_by_value(documents, field) for field in ("country", "name.common", "region", "borders")}
    # Without an index, every document is looked at.
    find_all(store, "country", {"IS": expected["country"]["IS"]})
    started = time.monotonic()
    store.run(store.path, commands="INDEX country\nINDEX name.common\n")
    for field in ("country", "name.common"):
        find_all(store, field, expected[field])
    store.killed(store.path, commands="INDEX region\nINDEX borders\n", answers=2)
    found = [find_all(store, field, keys) for field, keys in expected.items()]
    described = [json.loads(line) for line in store.run(store.path, commands="INDEXES\n").splitlines()]
    must([index["field"] for index in described] == sorted(expected), f"after a kill, there are {described}")
    ranged = store.run(store.path, commands="FINDRANGE country DE DK\n").splitlines()
    between = [key for code, keys in expected["country"].items() if "DE" <= code <= "DK" for key in keys]
    must(sorted(ranged) == sorted(between), f"a range finds {len(ranged)} keys, not {len(between)}")
    values = sum(map(len, expected.values()))
    print(f"{values} values of {len(expected)} fields find {sum(found)} keys, as counted independently, also after a kill"
          f" ({time.monotonic() - started:.1f} s)")


def check_killed_indexes(arguments, cities, chance):
    """Killed while indexed documents are written: the index has what the documents have."""
    store = Store(arguments.program, os.path.join(arguments.scratch, "indexed.db"))
    store.run(store.path, commands="INDEX country\n")
    for policy in ["never", "always", "periodic:5"]:
        kept = int(store.run(store.path, commands="COUNT\n"))
        lines = [f"SET city:{number} {text}\n" for number, text in enumerate(cities[kept:], kept + 1)]
        # The cities that are there already move elsewhere: an index must forget, too.
        moved = [f'SET city:{number} {{"country":"ZZ"}}\n' for number in range(1, kept, 7)]
        acknowledged = chance.randrange(len(moved) + 1, len(moved) + len(cities) // 8)
        store.killed(store.path, f"--fsync={policy}", commands="".join(moved + lines), answers=acknowledged)
        answers = store.run(store.path, commands="KEYS\n").splitlines()
        texts = store.run(store.path, commands="".join(f"GET {key}\n" for key in answers)).splitlines()
        documents = {key: json.loads(text) for key, text in zip(answers, texts)}
        must(len(documents) >= kept, f"{kept} documents were there, and {len(documents)} are")
        found = find_all(store, "country", keys_by_value(documents, "country"))
        must(found == len(documents), f"{found} of {len(documents)} documents are found")
        print(f"killed under {policy} while indexing: {len(documents)} documents, found by the index as they are")


def find_all(store, field, expected):
    """FIND gives exactly the expected keys of every value; the number of keys."""
    expected = {**expected, "no document has this": []}
    commands = "".join(f"FIND {field} {json.dumps(value)}\nCOUNT\n" for value in expected)
    count = store.run(store.path, commands="COUNT\n").strip()
    answers = iter(store.run(store.path, commands=commands).splitlines())
    for value, keys in expected.items():
        # No key is a number, so that the count ends the list.
        found = list(itertools.takewhile(lambda answer: answer != count, answers))
        must(sorted(found) == sorted(keys), f"FIND {field} {value} gives {len(found)} keys, not {len(keys)}")
    return sum(map(len, expected.values()))


def keys_by_value(documents, field):
    """Which keys have which string at a field, or in its array: counted without any index."""
    keys = {}
    for key, value in documents.items():
        for name in field.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        for text in set(value if isinstance(value, list) else [value]):
            if isinstance(text, str):
                keys.setdefault(text, []).append(key)
    return keys


def check_killed_imports(arguments, cities, chance):
    """After each kill: whole commits, all that were acknowledged, in order, without a gap."""
    for number, policy in enumerate(["always", "always", "periodic:5", "never", "always", "never"]):
        store = Store(arguments.program, os.path.join(arguments.scratch, f"import-{number}.db"))
        kill_after = chance.randrange(len(cities) * 3 // 4 // BATCH_DOCUMENTS)
        child = store.start("import", store.path, arguments.cities, "--key-prefix=city:", "--acknowledge", f"--fsync={policy}")
        child.stdin.close()
        acknowledged = 0
        for place, line in enumerate(child.stdout):
            if place == kill_after:
                time.sleep(chance.random() / 500)
                child.kill()
            # Lines that were written before the kill count, too: somebody has seen them.
            acknowledged = int(re.fullmatch(r"(\d+) documents, sequence \d+\n", line)[1])
        must(child.wait() == -9, f"the import ended with {child.returncode} before it could be killed")
        kept = kept_cities(store, cities)
        must(kept >= acknowledged, f"{acknowledged} documents were acknowledged, and {kept} are there")
        whole = kept % BATCH_DOCUMENTS == 0 or kept == len(cities)
        must(whole, f"{kept} documents are there, which is no whole number of commits")
        print(f"import killed under {policy}: {acknowledged} acknowledged, {kept} there, no gap")


def check_killed_sets(arguments, cities, chance):
    """The same for single sets through a pipe, on one file that is killed, opened and written to again and again."""
    store = Store(arguments.program, os.path.join(arguments.scratch, "sets.db"))
    kept = 0
    for policy in ["always", "never", "periodic:5", "always", "never", "always"]:
        before = kept
        child = store.start(store.path, f"--fsync={policy}")
        lines = (f"SET city:{number} {text}\n" for number, text in enumerate(cities[kept:], kept + 1))
        feeder = threading.Thread(target=feed, args=(child.stdin, lines))
        feeder.start()
        kill_after = chance.randrange(1, len(cities) // 8)
        acknowledged = 0
        for answer in child.stdout:
            must(answer == "OK\n", f"a SET was answered with {answer!r}")
            acknowledged += 1
            if acknowledged == kill_after:
                child.kill()
        must(child.wait() == -9, f"the program ended with {child.returncode} before it could be killed")
        feeder.join()
        kept = kept_cities(store, cities)
        must(kept >= before + acknowledged, f"{before} and {acknowledged} were acknowledged, and {kept} are there")
        print(f"sets killed under {policy}: {before} + {acknowledged} acknowledged, {kept} there, no gap")


def kept_cities(store, cities):
    """How many cities are there: the first ones, each as it was submitted, and nothing else."""
    keys = store.run(store.path, commands="KEYS\n").splitlines()
    numbers = sorted(int(key.removeprefix("city:")) for key in keys)
    must(numbers == list(range(1, len(numbers) + 1)), "the documents that are there have a gap")
    compare(store, {f"city:{number}": text for number, text in enumerate(cities[: len(numbers)], 1)})
    return len(numbers)


def compare(store, expected):
    """Every document, got through a pipe, has the tokens of its text in the file."""
    answers = store.run(store.path, commands="".join(f"GET {key}\n" for key in expected)).splitlines()
    must(len(answers) == len(expected), f"{len(expected)} GETs gave {len(answers)} lines")
    for (key, text), answer in zip(expected.items(), answers):
        if answer != text:
            must(tokens(answer) == tokens(text), f"{key} is\n{answer}\nand was\n{text}")


def tokens(text):
    """The JSON text without whitespace, strings decoded, everything else as it is spelled."""
    return [json.loads(token) if token.startswith('"') else token for token in split(text)]


def split(text):
    for token in TOKEN.findall(text):
        # Outside of strings, punctuation stands alone, whatever whitespace was around it.
        yield from [token] if token.startswith('"') else re.findall(r"[\[\]{},:]|[^\[\]{},:]+", token)


def documents_of(path):
    """The texts of the elements of the array in a file."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    decoder, blank, found = json.JSONDecoder(), re.compile(r"[\s,]*"), []
    at = blank.match(text, text.index("[") + 1).end()
    while text[at] != "]":
        _, end = decoder.raw_decode(text, at)
        found.append(re.sub(r"\s*\n\s*", " ", text[at:end]))
        at = blank.match(text, end).end()
    return found


def feed(pipe, lines):
    try:
        with pipe:
            pipe.writelines(lines)
    except BrokenPipeError:
        pass  # It was killed.


def feed_on(pipe, text):
    """Writes the text, and leaves the pipe open."""
    try:
        pipe.write(text)
        pipe.flush()
    except BrokenPipeError:
        pass  # It was killed.


class Store:
    """The program and one database file."""

    def __init__(self, program, path):
        self.program, self.path = program, path

    def start(self, *arguments):
        pipe = subprocess.PIPE
        return subprocess.Popen([self.program, *arguments], stdin=pipe, stdout=pipe, encoding="utf-8")

    def killed(self, *arguments, commands, answers):
        """Runs it until so many commands were answered with OK, and kills it while its input is still open."""
        child = self.start(*arguments)
        feeder = threading.Thread(target=feed_on, args=(child.stdin, commands))
        feeder.start()
        for _ in range(answers):
            answer = child.stdout.readline()
            must(answer == "OK\n", f"a command was answered with {answer!r}")
        child.kill()
        must(child.wait() == -9, f"the program ended with {child.returncode} before it could be killed")
        feeder.join()

    def run(self, *arguments, commands=""):
        """Runs it to its end, which must be a good one."""
        done = subprocess.run([self.program, *arguments], input=commands, capture_output=True, encoding="utf-8")
        must(done.returncode == 0, f"{arguments}: status {done.returncode}: {done.stderr}")
        return done.stdout


def must(fact, otherwise):
    if not fact:
        sys.exit(f"FAILED: {otherwise}")


if __name__ == "__main__":
    main()
