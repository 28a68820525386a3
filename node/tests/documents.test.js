// Owns the proof that documents come back as they were given, or are refused with the place.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const vm = require("node:vm");
const { Decimal, FerrumDBError } = require("ferrumdb");
const { database, inMemory, opened } = require("./support.js");

const plain = [
  null,
  true,
  false,
  0,
  -0,
  1,
  -1,
  1.5,
  1e300,
  5e-324,
  -1.7976931348623157e308,
  2 ** 53 - 1,
  -(2 ** 53 - 1),
  0.12345678901234568,
  1234567890123456.5,
  1234567890123456,
  2 ** 53,
  -(2 ** 60),
  2 ** 63,
  1e20,
  [{ large: 123456789012345680000 }],
  "",
  "text",
  'ünïcødé 😀 \u2028 \0 \\ " \n',
  "1234567890123456789012345",
  { "\\udc00 is no half of a pair": ["C:\\udata", "\\\\ud800", -0] },
  [],
  {},
  [[], [{}], [null]],
  { "": 1, "a.b": 2, 10: 3, 2: 4, constructor: 5, toString: "x", ["long ".repeat(200)]: 6 },
  { numbers: [1, 2.5, -3e-7], nested: { deeper: { still: ["x", { y: null }] } } },
];

test("what is plain comes back as it was, from memory and from the file", async (t) => {
  const db = await database(t);
  for (const [number, value] of plain.entries()) await db.set(`v:${number}`, value);
  for (const [number, value] of plain.entries()) {
    assert.deepStrictEqual(await db.get(`v:${number}`), value);
    assert.deepStrictEqual(db.getSync(`v:${number}`), value);
  }
  const file = db.path;
  await db.close();
  const again = await opened(t, file);
  for (const [number, value] of plain.entries()) assert.deepStrictEqual(await again.get(`v:${number}`), value);
  assert.ok(Object.is(await again.get("v:4"), -0));
});

test("integers beyond 2^53 come back as BigInts, and smaller ones as numbers", async (t) => {
  const db = await inMemory(t);
  const value = {
    big: [2n ** 64n - 1n, -(2n ** 63n), 2n ** 53n, -(2n ** 53n) - 1n],
    small: [5n, 9007199254740991n, -9007199254740991n],
    text: "12345678901234567890, [12345678901234567890",
    quoted: 'a "quoted\\" 12345678901234567890 \\\\',
    mixed: [1, true, null, "x", 1.25, -0, 1e21, {}, []],
    ["__proto__"]: { polluted: 18446744073709551615n },
  };
  await db.set("n", value);
  const found = await db.get("n");
  assert.deepStrictEqual(found.big, value.big);
  assert.deepStrictEqual(found.small, [5, 9007199254740991, -9007199254740991]);
  assert.deepStrictEqual([found.text, found.quoted, found.mixed], [value.text, value.quoted, value.mixed]);
  assert.deepStrictEqual(Object.keys(found), Object.keys(value));
  assert.equal(Object.getPrototypeOf(found), Object.prototype);
  assert.equal(await db.getRaw("n"), db.getRawSync("n"));
  assert.ok((await db.getRaw("n")).startsWith('{"big":[18446744073709551615,'));

  // At every place in a text, so that no row of digits is overlooked.
  for (let before = 0; before < 40; before++) {
    const json = `{"${"x".repeat(before)}":12345678901234567}`;
    await db.setRaw("at", json);
    assert.deepStrictEqual(await db.get("at"), { ["x".repeat(before)]: 12345678901234567n }, json);
  }
});

test("with integers: number they come back as the nearest number", async (t) => {
  const db = await inMemory(t, { integers: "number" });
  await db.set("n", 2n ** 64n - 1n);
  assert.equal(await db.get("n"), 2 ** 64);
});

test("__proto__ is data", async (t) => {
  const db = await inMemory(t);
  const value = JSON.parse('{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"x":1}}}');
  await db.set("p", value);
  const found = await db.get("p");
  assert.equal(Object.getPrototypeOf(found), Object.prototype);
  assert.deepStrictEqual(Object.keys(found), ["__proto__", "constructor"]);
  assert.equal(found.isAdmin, undefined);
  assert.equal({}.isAdmin, undefined);
});

test("what JSON cannot hold is refused with the place", async (t) => {
  const db = await inMemory(t);
  const cycle = { a: [{}] };
  cycle.a[0].again = cycle;
  const [branching, branches] = [{}, []];
  branching.left = branching;
  branching.right = branching;
  branches.push(branches, branches);
  let deep = 1;
  for (let depth = 0; depth < 300; depth++) deep = [deep];
  class User {}
  const refused = [
    [undefined, "$", "undefined"],
    [{ a: { b: [1, undefined] } }, "$.a.b[1]", "undefined"],
    [[() => 1], "$[0]", "function"],
    [{ s: Symbol("s") }, "$.s", "symbol"],
    [{ [Symbol("s")]: 1 }, "$", "symbol"],
    [{ "a b": Number.NaN }, '$["a b"]', "NaN"],
    [[1, Number.POSITIVE_INFINITY], "$[1]", "Infinity"],
    [{ t: "half \ud800 pair" }, "$.t", "surrogate"],
    [{ "half \udc00": 1 }, '$["half \\udc00"]', "surrogate"],
    [{ n: 2n ** 60n, t: "C:\\udata \udc00" }, "$.t", "surrogate"],
    [cycle, "$.a[0].again", "part of itself"],
    [branching, "$.left", "part of itself"],
    [branches, "$[0]", "part of itself"],
    [{ when: new Date(0) }, "$.when", 'codec: "extended"'],
    [[Buffer.from("x")], "$[0]", 'codec: "extended"'],
    [{ m: new Map() }, "$.m", "a Map"],
    [{ s: new Set() }, "$.s", "a Set"],
    [{ u: new User() }, "$.u", "a User"],
    [{ n: 2n ** 64n }, "$.n", "2^64"],
    [[-(2n ** 63n) - 1n], "$[0]", "2^63"],
    [new Array(2), "$[0]", "undefined"],
  ];
  for (const [value, path, what] of refused) {
    await assert.rejects(db.set("k", value), (error) => {
      assert.ok(error instanceof FerrumDBError);
      assert.deepStrictEqual([error.code, error.key, error.path], ["FERRUMDB_NOT_SERIALIZABLE", "k", path]);
      assert.ok(error.message.includes(what), error.message);
      return true;
    });
  }
  await assert.rejects(db.set("k", deep), { code: "FERRUMDB_NOT_SERIALIZABLE", message: /levels deep/ });
  assert.equal(await db.exists("k"), false);
});

test("the same object twice is no cycle, and plain objects of other realms are plain", async (t) => {
  const db = await inMemory(t);
  const shared = { x: 1 };
  await db.set("k", [shared, shared, Object.assign(Object.create(null), { y: 2 }), vm.runInNewContext("({ z: [3] })")]);
  assert.deepStrictEqual(await db.get("k"), [{ x: 1 }, { x: 1 }, { y: 2 }, { z: [3] }]);
});

test("the extended codec keeps dates and buffers, and objects that only look so", async (t) => {
  const db = await inMemory(t, { codec: "extended" });
  const value = {
    at: new Date(1234567890123),
    bytes: Buffer.from([0, 255, 128]),
    array: [new Uint8Array([1, 2])],
    looks: [{ $date: "no" }, { $binary: 5 }, { $literal: { $date: new Date(5) } }, { $date: 1, other: 2 }, { $x: -0 }],
    big: 2n ** 60n,
    number: 2 ** 60,
  };
  await db.set("k", value);
  const found = await db.get("k");
  assert.deepStrictEqual(found, { ...value, array: [Buffer.from([1, 2])] });
  await assert.rejects(db.set("k", [new Date(Number.NaN)]), { path: "$[0]", message: /invalid Date/ });
  assert.equal(await db.getRaw("k"), db.getRawSync("k"));
  assert.ok((await db.getRaw("k")).includes('{"$date":"2009-02-13T23:31:30.123Z"}'));
  // As every language writes it.
  await db.set("looks", { $date: "2009" });
  assert.equal(await db.getRaw("looks"), '{"$literal":{"$date":"2009"}}');
});

test("decimals come from other languages and go back to them as they were", async (t) => {
  const db = await inMemory(t, { codec: "extended" });
  const stored =
    '{"price":{"$decimal":"9.90"},"looks":{"$literal":{"$decimal":"1"}},"none":{"$decimal":"much"},"n":{"$decimal":5}}';
  await db.setRaw("k", stored);
  const found = await db.get("k");
  assert.ok(found.price instanceof Decimal && `${found.price}` === "9.90");
  assert.deepStrictEqual(found.looks, { $decimal: "1" });
  assert.deepStrictEqual([found.none, found.n], [{ $decimal: "much" }, { $decimal: 5 }]);
  await db.set("again", { price: found.price, looks: found.looks, least: new Decimal("-1E-7") });
  assert.equal(
    await db.getRaw("again"),
    '{"price":{"$decimal":"9.90"},"looks":{"$literal":{"$decimal":"1"}},"least":{"$decimal":"-1E-7"}}',
  );
  assert.deepStrictEqual(await db.find("price", new Decimal("9.90")), ["k", "again"]);
  assert.throws(() => new Decimal("nine"), { code: "FERRUMDB_INVALID_ARGUMENT" });
  assert.equal(JSON.stringify(found.price), '"9.90"');
  const plain = await inMemory(t);
  await assert.rejects(plain.set("k", new Decimal(1)), { code: "FERRUMDB_NOT_SERIALIZABLE", message: /Decimal/ });
});

test("keys are any text, and nothing else is one", async (t) => {
  const db = await inMemory(t);
  for (const key of ["", "ü", "a\0b", "x".repeat(300), "😀".repeat(63), "😀".repeat(64), "é".repeat(128)]) {
    await db.set(key, key.length);
    assert.equal(await db.get(key), key.length);
    assert.equal(db.getSync(key), key.length);
    assert.equal(await db.exists(key), true);
  }
  for (const key of [1, null, undefined, {}, "\ud800"]) {
    await assert.rejects(db.get(key), { code: "FERRUMDB_INVALID_ARGUMENT", message: /^a key is/ });
    await assert.rejects(db.set(key, 1), { code: "FERRUMDB_INVALID_ARGUMENT" });
    assert.throws(() => db.getSync(key), { code: "FERRUMDB_INVALID_ARGUMENT" });
  }
  await assert.rejects(db.set("x".repeat(70_000), 1), { code: "FERRUMDB_TOO_LARGE" });
});

test("a JSON text is stored with its numbers as they are spelled", async (t) => {
  const db = await inMemory(t);
  await db.setRaw("k", '{ "price": 1.50, "big": 18446744073709551615 }');
  assert.equal(await db.getRaw("k"), '{"price":1.50,"big":18446744073709551615}');
  assert.deepStrictEqual(await db.get("k"), { price: 1.5, big: 18446744073709551615n });
  await assert.rejects(db.setRaw("k", "{not json"), { code: "FERRUMDB_INVALID_JSON", key: "k" });
  await assert.rejects(db.setRaw("k", '{"a":1,"a":2}'), { code: "FERRUMDB_INVALID_JSON" });
});
