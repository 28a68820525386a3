// Owns the texts of documents that were read of late, so that to read one again needs no call of the binary. Never gives one
// that has been replaced: numbers that the database changes with its documents, in memory that both see, tell.
"use strict";

/** Longer texts are not kept: what is saved is little beside parsing them. */
const LONGEST = 1 << 14;
/** What a text takes besides its characters, and its key's, about. */
const OVERHEAD = 64;
/** The share of the database's own cache that is kept here, and how large that is if nobody says. */
const SHARE = 32;
const CACHE_BYTES = 256 << 20;
/** When there is no room left, so many times as many texts as were kept are let pass; then all make room for others. */
const PATIENCE = 16;
/** V8 makes shorter strings copies of what they were cut from; a longer one may hold all of that. */
const CUT = 13;

const CLOSED = new Int32Array(0);

/** A text, and what number must be where for it to be the document's. */
class Kept {
  constructor(text, place, number) {
    this.text = text;
    this.place = place;
    this.number = number;
  }
}

/** What the collections of one opening of a database keep, together. */
class Keeping {
  #room;
  #used = 0;
  #kept = 0;
  #toPass = 0;
  #all = new Set();

  constructor([numbers, found], cacheBytes = CACHE_BYTES) {
    this.numbers = new Int32Array(numbers);
    /** The last one belongs to the collections as a whole. */
    this.last = this.numbers.length - 1;
    /** Where the binary says of a text that it gives what its stamp is. */
    this.found = new Int32Array(found);
    /** How many reads were answered from here. */
    this.answered = 0;
    this.#room = cacheBytes / SHARE;
  }

  /** Whether `texts` may keep so many characters more. A read that finds its text here costs nothing for the room's sake. */
  admit(texts, characters) {
    if (this.#toPass > 0 && --this.#toPass === 0) this.#empty();
    if (this.#toPass > 0) return false;
    if (this.#used + characters > this.#room) {
      this.#toPass = PATIENCE * Math.max(this.#kept, 1);
      return false;
    }
    this.#kept++;
    this.#all.add(texts);
    this.use(characters + OVERHEAD);
    return true;
  }

  use(characters) {
    this.#used += characters;
  }

  /** No text is given from here on. */
  end() {
    this.numbers = CLOSED;
  }

  #empty() {
    for (const texts of this.#all) texts.empty();
    this.#all.clear();
    this.#used = this.#kept = 0;
  }
}

/** The texts of one collection. */
class Texts {
  #keeping;
  #collections;
  #kept = new Map();
  /** What was found last, and is the document's no more. */
  #stale;

  constructor(keeping) {
    this.#keeping = keeping;
  }

  /** The document's text, if it is known. */
  find(key) {
    const { numbers, last } = this.#keeping;
    if (numbers[last] !== this.#collections) {
      this.#collections = numbers[last];
      this.empty();
    }
    const kept = this.#kept.get(key);
    if (kept !== undefined && numbers[kept.place] === kept.number) {
      this.#keeping.answered++;
      return kept.text;
    }
    this.#stale = kept;
    return undefined;
  }

  /** Keeps what the binary has given just now for the key that was not found here just before. */
  keep(key, text) {
    const [place, number] = this.#keeping.found;
    if (place < 0 || text.length > LONGEST) return;
    const stale = this.#stale;
    if (stale !== undefined) {
      this.#keeping.use(text.length - stale.text.length);
      [stale.text, stale.place, stale.number] = [text, place, number];
    } else if (this.#keeping.admit(this, key.length + text.length)) {
      this.#kept.set(key.length < CUT ? key : JSON.parse(JSON.stringify(key)), new Kept(text, place, number));
    }
  }

  empty() {
    this.#kept.clear();
    this.#stale = undefined;
  }
}

/** What keeps nothing: a snapshot's, whose documents are read elsewhere, and where memory cannot be shared. */
const nothing = { find() {}, keep() {} };

module.exports = { Keeping, Texts, nothing };
