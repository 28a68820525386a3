// Owns the sets that were called for in this turn of the event loop, which are handed over in one call at its end. Never lets
// any other call of this thread overtake them.
"use strict";

const { beforeCalls, request } = require("./calls.js");
const { Failed, FerrumDBError } = require("./errors.js");

/** What stands between a key and a value, and between those and the next: no JSON has it. */
const SEPARATOR = "\0";
/**
 * So many sets, or about so many characters, are handed over at once: the writer works on them while this thread goes on, and
 * more do not wait for the end of the turn.
 */
const SETS = 50;
const CHARACTERS = 1 << 16;

/** Who is asked to set, what, and who waits for it. */
let native;
let texts = [];
let waiting = [];
let characters = 0;
let isDue = false;

beforeCalls(handOver);

/** Whether a key can be set here. */
const takes = (key) => !key.includes(SEPARATOR);

/** A promise for the number of the commit. */
function set(keyspace, key, json) {
  if (native !== keyspace) {
    handOver();
    native = keyspace;
  }
  texts.push(key, json);
  characters += key.length + json.length;
  const promise = new Promise((resolve) => waiting.push(resolve));
  if (waiting.length >= SETS || characters >= CHARACTERS) handOver();
  else if (!isDue) {
    isDue = true;
    process.nextTick(atEndOfTurn);
  }
  return promise;
}

function atEndOfTurn() {
  isDue = false;
  handOver();
}

function handOver() {
  if (waiting.length === 0) return;
  const [keyspace, text, callers] = [native, texts.join(SEPARATOR), waiting];
  [texts, waiting, characters] = [[], [], 0];
  void request((call) => keyspace.setAll(call, text)).then((outcomes) => answer(callers, outcomes));
}

/** A text among the numbers tells a failure; a failure of the call is that of each. */
function answer(callers, outcomes) {
  if (outcomes instanceof Failed) for (const resolve of callers) resolve(failing(outcomes.json));
  else
    for (let at = 0; at < callers.length; at++) {
      const outcome = outcomes[at];
      callers[at](typeof outcome === "number" ? outcome : failing(outcome));
    }
}

/** Fails when the caller's promise waits for this one, so that the stack says who awaits it. */
async function failing(json) {
  await undefined;
  await undefined;
  throw new FerrumDBError(JSON.parse(json));
}

module.exports = { set, takes };
