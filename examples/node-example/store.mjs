// Owns the notes in their file: what a note is, and what can be done with one. Never talks to a terminal.
import { FerrumDB } from "ferrumdb";

/** Notes that were thrown away are gone after a week. */
const A_WEEK = 7 * 24 * 60 * 60;

export class Notes {
  #db;
  #notes;
  #thrown;

  static async open(path) {
    const notes = new Notes(await FerrumDB.open(path, { keepHistory: { versions: 20 } }));
    await notes.#prepare();
    return notes;
  }

  constructor(db) {
    this.#db = db;
    this.#notes = db.collection("notes");
    this.#thrown = db.collection("thrown away");
  }

  /** A new note. Its number is taken in the same commit, so that no two get the same. */
  add(text) {
    return this.#db.transact(async (tx) => {
      const number = ((await tx.get("newest")) ?? 0) + 1;
      await tx.set("newest", number);
      await tx.collection("notes").set(key(number), { text, tags: tagsIn(text), pinned: false });
      return number;
    });
  }

  /** Replaces the text. What it was before can still be read. */
  async edit(number, text) {
    const change = (note) => note && { ...note, text, tags: tagsIn(text) };
    return (await this.#notes.updateWith(key(number), change)) !== undefined;
  }

  async pin(number, pinned = true) {
    return (await this.#notes.updateWith(key(number), (note) => note && { ...note, pinned })) !== undefined;
  }

  /** All notes, or those with a tag, in the order of their numbers. */
  async *list(tag) {
    if (tag !== undefined) {
      for (const [of, note] of (await this.#notes.findEntries("tags", tag)).sort())
        yield { number: Number(of), ...note };
      return;
    }
    for await (const [of, note] of this.#notes.entries()) yield { number: Number(of), ...note };
  }

  /** What a note has said, the newest first. */
  async history(number) {
    const versions = await this.#notes.history(key(number));
    return versions.filter(({ value }) => value).map(({ value, time }) => ({ text: value.text, time }));
  }

  /** Takes a note away, for a week. */
  throwAway(number) {
    return this.#db.transact(async (tx) => {
      const note = await tx.collection("notes").get(key(number));
      if (note === undefined) return false;
      await tx.collection("notes").delete(key(number));
      await tx.collection("thrown away").setEx(key(number), note, A_WEEK);
      return true;
    });
  }

  async bringBack(number) {
    const note = await this.#thrown.take(key(number));
    if (note === undefined) return false;
    await this.#notes.insert(key(number), note);
    return true;
  }

  /** Tells of each change as it happens, until it is left. */
  async *changes() {
    for await (const { kind, key: of, after } of this.#notes.watch()) yield { kind, number: Number(of), note: after };
  }

  backup(path) {
    return this.#db.backup(path);
  }

  close() {
    return this.#db.close();
  }

  async #prepare() {
    const indexes = await this.#notes.indexes();
    if (!indexes.some(({ field }) => field === "tags")) await this.#notes.createIndex("tags");
  }
}

/** Numbers as keys, in their order. */
const key = (number) => String(number).padStart(8, "0");

const tagsIn = (text) => Array.from(text.matchAll(/#(\p{L}+)/gu), ([, tag]) => tag);
