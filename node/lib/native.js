// Owns finding the binary for this platform, and saying what to do where there is none. Never downloads anything.
"use strict";

const { targets, packageOf, libc, here } = require("./platforms.js");
const { version } = require("../package.json");

function load() {
  const own = process.env.FERRUMDB_NATIVE_PATH;
  if (own) return require(own);
  const target = here();
  const machine = [process.platform, process.arch, libc()].filter(Boolean).join(", ");
  if (!target) {
    const known = Object.keys(targets).join(", ");
    throw failure(`ferrumdb has no binary for this platform (${machine}); there are some for ${known}`);
  }
  const name = packageOf(target);
  try {
    return require(name);
  } catch (cause) {
    const missing = cause.code === "MODULE_NOT_FOUND" && cause.message.includes(name);
    const what = missing
      ? `the package ${name} is not installed, which has ferrumdb's binary for this platform (${machine})`
      : `the package ${name}, which has ferrumdb's binary for this platform (${machine}), cannot be loaded: ${cause.message}`;
    const advice = `install it: npm install ${name}@${version}. It is an optional dependency, so check that nothing leaves those out (--omit=optional, --no-optional), and that node_modules was not made on another platform`;
    throw failure(`${what}; ${advice}`, cause);
  }
}

function failure(message, cause) {
  return Object.assign(new Error(message, { cause }), { code: "FERRUMDB_NO_BINARY" });
}

module.exports = load();
