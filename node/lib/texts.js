// Owns the texts of documents that were read of late, so that to read one again needs no call of the binary. Never gives one
// that has been replaced: numbers that the database changes with its documents, in memory that both see, tell.
"use strict";

/** Longer texts are not kept: what is saved is little beside parsing them. */
const LONGEST = 1 << 14;
/** What a text takes besides its characters, and its key's, about. */
const OVERHEAD = 64;
/** The share of the database's own cache that is kept here, and how large that is if nobody says. */
const SHARE = 16;
const CACHE_BYTES = 256 << 20;
/** Where more is kept than is asked for again, so many times as much is let pass. */
const PATIENCE = 8;
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
  #answeredBefore = 0;
  #all = new Set();

  constructor([numbers, found], cacheBytes = CACHE_BYTES) {
    this.numbers = new Int32Array(numbers);
    /** The last one belongs to the collections as a whole. */
    this.last = this.numbers.length - 1;
    /** Where the binary says of a text that it gives what its stamp is. */
    this.found = new Int32Array(found);
    /** How many reads were answered from here. */
    this.answered = 0;
    this.#room = cacheBytes / SHARE / 2;
  }

  /** Whether so many characters more may be kept by `texts`. What has not been asked for since there was room goes. */
  admit(texts, characters) {
    if (this.#toPass > 0) {
      this.#toPass--;
      return false;
    }
    this.#kept++;
    this.use(texts, characters);
    return true;
  }

  use(texts, characters) {
    this.#all.add(texts);
    this.#used += characters + OVERHEAD;
    if (this.#used > this.#room) this.#turn();
  }

  /** No text is given from here on. */
  end() {
    this.numbers = CLOSED;
  }

  #turn() {
    if (this.answered - this.#answeredBefore < this.#kept) this.#toPass = PATIENCE * this.#kept;
    this.#answeredBefore = this.answered;
    this.#used = this.#kept = 0;
    for (const texts of this.#all) if (!texts.turn()) this.#all.delete(texts);
  }
}

/** The texts of one collection. */
class Texts {
  #keeping;
  #collections;
  #young = new Map();
  #old = new Map();

  constructor(keeping) {
    this.#keeping = keeping;
  }

  /** The document's text, if it is known. */
  find(key) {
    const { numbers, last } = this.#keeping;
    if (numbers[last] !== this.#collections) {
      this.#collections = numbers[last];
      this.#young.clear();
      this.#old.clear();
      return undefined;
    }
    const kept = this.#young.get(key) ?? this.#renewed(key);
    if (kept === undefined || numbers[kept.place] !== kept.number) return undefined;
    this.#keeping.answered++;
    return kept.text;
  }

  /** Keeps what the binary has given just now for a key that was not found here. */
  keep(key, text) {
    const [place, number] = this.#keeping.found;
    if (place < 0 || text.length > LONGEST) return;
    if (!this.#keeping.admit(this, key.length + text.length)) return;
    this.#young.set(key.length < CUT ? key : JSON.parse(JSON.stringify(key)), new Kept(text, place, number));
  }

  /** Lets go what was not asked for since the last time. Says whether anything is left. */
  turn() {
    this.#old = this.#young;
    this.#young = new Map();
    return this.#old.size > 0;
  }

  #renewed(key) {
    const kept = this.#old.get(key);
    if (kept !== undefined) {
      this.#old.delete(key);
      this.#young.set(key, kept);
      this.#keeping.use(this, key.length + kept.text.length);
    }
    return kept;
  }
}

/** What keeps nothing: a snapshot's, whose documents are read elsewhere, and where memory cannot be shared. */
const nothing = { find() {}, keep() {} };

module.exports = { Keeping, Texts, nothing };
