// Owns a server of Ferrum Studio, as callers have it. Never serves anything itself.
"use strict";

const { hold, request } = require("./calls.js");
const { settled } = require("./errors.js");

class Studio {
  #server;
  #release;
  #forget;

  constructor(server, forget) {
    this.#server = server;
    this.#release = hold();
    this.#forget = forget;
  }

  get launchUrl() {
    return this.#server.launchUrl() ?? undefined;
  }

  get url() {
    return this.#server.url() ?? undefined;
  }

  get port() {
    return this.#server.port() ?? undefined;
  }

  async stop() {
    settled(await request((call) => this.#server.stop(call)));
    this.#release();
    this.#forget();
  }

  async [Symbol.asyncDispose]() {
    await this.stop();
  }
}

module.exports = { Studio };
