// Owns the one error that callers see, and its stack, which begins in their code. Never changes what an error says.
"use strict";

const path = require("node:path");

/** Frames of files in here are none of the caller's. */
const here = __dirname + path.sep;

class FerrumDBError extends Error {
  constructor(details, options) {
    const limit = Error.stackTraceLimit;
    // Ours are taken out again.
    Error.stackTraceLimit = limit + 8;
    super(details.message, options);
    Error.stackTraceLimit = limit;
    this.code = details.code;
    for (const name of ["key", "collection", "path", "found", "attempts"]) {
      if (details[name] !== undefined) this[name] = details[name];
    }
    trim(this, limit);
  }

  get name() {
    return "FerrumDBError";
  }
}

/** Takes our own frames out, if the stack is the text that it usually is. */
function trim(error, limit) {
  const { stack } = error;
  if (typeof stack !== "string") return;
  const lines = stack.split("\n");
  const first = lines.findIndex((line) => line.startsWith("    at "));
  if (first < 0) return;
  const frames = lines.slice(first).filter((line) => !line.includes(here));
  error.stack = [...lines.slice(0, first), ...frames.slice(0, limit)].join("\n");
}

/** What the binary answers instead of a value. */
class Failed {
  constructor(json) {
    this.json = json;
  }
}

/** The answer of a call, or its error, made here so that its stack says who awaits it. */
function settled(outcome) {
  if (outcome instanceof Failed) throw new FerrumDBError(JSON.parse(outcome.json));
  return outcome;
}

/** An error that the binary has thrown, as callers see it. */
function rethrown(error) {
  if (error instanceof FerrumDBError || typeof error?.code !== "string") return error;
  if (!error.code.startsWith("FERRUMDB_")) {
    return new FerrumDBError({ code: "FERRUMDB_INVALID_ARGUMENT", message: error.message }, { cause: error });
  }
  return new FerrumDBError(JSON.parse(error.message));
}

/** An argument that is none. */
function invalid(message, details) {
  return new FerrumDBError({ code: "FERRUMDB_INVALID_ARGUMENT", message, ...details });
}

module.exports = { FerrumDBError, Failed, settled, rethrown, invalid };
