// Owns what callers may say when they open a database, and what of that the binary is told. Never opens one.
"use strict";

const { fileURLToPath } = require("node:url");
const { invalid } = require("./errors.js");
const { flag, options, seconds, shown, whole } = require("./arguments.js");

const KNOWN = [
  "fsync",
  "encryptionKey",
  "passphrase",
  "readOnly",
  "cacheBytes",
  "inboxBytes",
  "maxDocumentBytes",
  "lockTimeout",
  "keepHistory",
  "autoCompaction",
  "codec",
  "integers",
];

/** What the binary is told, and how values are read and written. */
function opening(path, given) {
  const said = options(given, KNOWN);
  return { native: { path: pathText(path), ...native(said) }, manner: manner(said) };
}

/** How values are read and written. */
function manner(given) {
  const { codec, integers } = options(given, KNOWN);
  if (codec !== undefined && codec !== "extended")
    throw invalid(`codec is "extended" or left out, not ${shown(codec)}`);
  if (integers !== undefined && integers !== "exact" && integers !== "number") {
    throw invalid(`integers is "exact" or "number", not ${shown(integers)}`);
  }
  return { extended: codec === "extended", asNumbers: integers === "number" };
}

function pathText(path) {
  if (path instanceof URL) return fileURLToPath(path);
  if (typeof path === "string" && path !== "" && !path.includes("\0")) return path;
  throw invalid(`a path is a string that is not empty, or a file URL, not ${shown(path)}`);
}

function native(said) {
  const { encryptionKey, passphrase, lockTimeout, keepHistory } = said;
  if (encryptionKey !== undefined && !(encryptionKey instanceof Uint8Array)) {
    throw invalid(`encryptionKey is a Buffer or Uint8Array of 32 bytes, not ${shown(encryptionKey)}`);
  }
  if (passphrase !== undefined && typeof passphrase !== "string") throw invalid("passphrase is a string");
  if (encryptionKey && passphrase !== undefined) throw invalid("encryptionKey and passphrase exclude each other");
  if (said.fsync !== undefined && typeof said.fsync !== "string")
    throw invalid(`fsync is a string, not ${shown(said.fsync)}`);
  return {
    fsync: said.fsync,
    encryptionKey,
    passphrase,
    readOnly: flag(said.readOnly, "readOnly"),
    cacheBytes: whole(said.cacheBytes, "cacheBytes"),
    inboxBytes: whole(said.inboxBytes, "inboxBytes"),
    maxDocumentBytes: whole(said.maxDocumentBytes, "maxDocumentBytes"),
    lockTimeoutMillis: lockTimeout === undefined ? undefined : seconds(lockTimeout, "lockTimeout") * 1_000,
    autoCompaction: flag(said.autoCompaction, "autoCompaction"),
    ...history(keepHistory),
  };
}

function history(kept) {
  if (kept === undefined) return {};
  const { versions, seconds: time } = options(kept, ["versions", "seconds"]);
  if ((versions === undefined) === (time === undefined)) {
    throw invalid("keepHistory is { versions: a number } or { seconds: a number }");
  }
  if (versions !== undefined) return { keepVersions: whole(versions, "keepHistory.versions") };
  return { keepSeconds: seconds(time, "keepHistory.seconds") };
}

module.exports = { opening, manner, pathText };
