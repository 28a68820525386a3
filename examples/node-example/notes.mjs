#!/usr/bin/env node
// Owns the command: what its words mean, and what it prints. Never touches the file itself.
import { parseArgs } from "node:util";
import { Notes } from "./store.mjs";

const USAGE = `usage: notes [--database FILE] COMMAND
  add TEXT           takes a note; words that begin with # are its tags
  list [TAG]         shows all notes, or those with a tag
  edit NUMBER TEXT   replaces the text of a note
  pin NUMBER         marks a note
  history NUMBER     shows what a note has said
  remove NUMBER      throws a note away, for a week
  restore NUMBER     brings it back
  backup FILE        writes a backup`;

const { values, positionals } = parseArgs({
  options: { database: { type: "string", default: "notes.db" } },
  allowPositionals: true,
});
const [command, first, ...rest] = positionals;

const commands = {
  add: async (notes) => console.log(`note ${await notes.add([first, ...rest].join(" "))}`),
  list: async (notes) => {
    for await (const { number, text, pinned } of notes.list(first)) {
      console.log(`${String(number).padStart(4)} ${pinned ? "*" : " "} ${text}`);
    }
  },
  edit: (notes) => told(notes.edit(first, rest.join(" "))),
  pin: (notes) => told(notes.pin(first)),
  history: async (notes) => {
    for (const { text, time } of await notes.history(first))
      console.log(`${time?.toISOString() ?? "earlier"}  ${text}`);
  },
  remove: (notes) => told(notes.throwAway(first)),
  restore: (notes) => told(notes.bringBack(first)),
  backup: async (notes) => console.log(`${(await notes.backup(first)).records} records`),
};

async function told(done) {
  if (await done) return;
  console.error(`there is no note ${first}`);
  process.exitCode = 1;
}

if (!Object.hasOwn(commands, command ?? "") || (first === undefined && command !== "list")) {
  console.error(USAGE);
  process.exit(2);
}
const notes = await Notes.open(values.database);
try {
  await commands[command](notes);
} finally {
  await notes.close();
}
