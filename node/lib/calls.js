// Owns the calls of this thread that are under way, each by a number, and keeps its event loop alive while there are any.
// Never makes an error: whoever awaits a call does, so that its stack says who that is.
"use strict";

const native = require("./native.js");
const { Failed, rethrown } = require("./errors.js");

/** Who waits for each call, by its number, and the numbers that are free. */
const waiting = [];
const free = [];

/** What has come so far of long answers, by the numbers of their calls. */
const parts = new Map();

/** Which of the calls keep the loop alive, and how many are under way that do. */
const held = [];
let underWay = 0;
/** A timer that never fires while it counts: the binary's own wake-ups do not keep the loop alive. */
const alive = setInterval(() => {}, 2 ** 31 - 1);
alive.unref();

/** What is done before each call. */
let before = () => {};

const loop = new native.EventLoop(takeAnswers);

// What is left open when the process ends is closed as if its owner had done so.
process.on("exit", () => {
  before();
  loop.closeAll();
});

/** Answers what has come to an end, some in this turn of the loop and some in each of the next, until nothing is left. */
function takeAnswers() {
  const taken = loop.take();
  if (!taken) return;
  const [calls, values] = taken;
  for (let at = 0; at < calls.length; at++) {
    const call = calls[at];
    if (call < 0) answer(-call - 1, new Failed(values[at]));
    else if (Number.isInteger(call)) answer(call - 1, whole(call - 1, values[at]));
    else keepPart(call - 1.5, values[at]);
  }
  setImmediate(takeAnswers);
}

/**
 * Has `issue` make a call by the number that it is given. The promise gives the answer, or a `Failed`. A call of one who
 * only listens does not keep the loop alive.
 */
function request(issue, keepsAlive = true) {
  before();
  return new Promise((resolve, reject) => {
    const call = free.length > 0 ? free.pop() : waiting.length;
    waiting[call] = resolve;
    held[call] = keepsAlive;
    if (keepsAlive && underWay++ === 0) alive.ref();
    try {
      issue(call);
    } catch (error) {
      release(call);
      reject(rethrown(error));
    }
  });
}

/** Has something done before each call, and before the end of the process. */
function beforeCalls(run) {
  before = run;
}

/** Keeps the loop alive until the function that it gives is called. */
function hold() {
  let isHeld = true;
  if (underWay++ === 0) alive.ref();
  return () => {
    if (isHeld && --underWay === 0) alive.unref();
    isHeld = false;
  };
}

function answer(call, value) {
  const resolve = waiting[call];
  release(call);
  resolve(value);
}

/** A long answer comes in parts, in as many turns. */
function keepPart(call, values) {
  const all = parts.get(call) ?? [];
  for (const value of values) all.push(value);
  parts.set(call, all);
}

function whole(call, values) {
  if (parts.size === 0 || !parts.has(call)) return values;
  keepPart(call, values);
  const all = parts.get(call);
  parts.delete(call);
  return all;
}

function release(call) {
  waiting[call] = undefined;
  free.push(call);
  if (held[call] && --underWay === 0) alive.unref();
}

module.exports = { loop, request, beforeCalls, hold };
