// Owns the proof that texts are read as the database reads them.

import { expect, test } from "vitest";
import { JsonError, parseJson } from "./parse.ts";
import { compactJson, printJson } from "./print.ts";

test.each([
  "18446744073709551615",
  "-9223372036854775808",
  "1.0",
  "1e400".replace("400", "30"),
  "-0",
  "0.10",
  '{"b":1,"a":2,"":null}',
  '["\\ud83d\\ude00"]'.replace("\\ud83d\\ude00", "😀"),
  '"\\u0000\\u001f\\"\\\\/"',
  '{"__proto__":{"x":1},"constructor":[]}',
  "[[[[]]]]",
])("%s comes back as it was", (text) => {
  expect(compactJson(parseJson(text))).toBe(text);
  expect(compactJson(parseJson(printJson(parseJson(text))))).toBe(text);
});

test.each([
  ["18446744073709551616", 0, 20],
  ["-9223372036854775809", 0, 20],
  ["1e400", 0, 5],
  ['{"a":1,"a":2}', 7, 10],
  ['{"a":1,"\\u0061":2}', 7, 15],
  ['["\\ud800"]', 2, 8],
  ['"\\udc00"', 1, 7],
  ['"a\nb"', 2, 3],
  ["[1,]", 3, 4],
  ['{"a" 1}', 5, 6],
  ["{a:1}", 1, 2],
  ["01", 1, 2],
  ["1.", 1, 2],
  ["+1", 0, 1],
  ["NaN", 0, 1],
  ["tru", 0, 1],
  ["[1] x", 4, 5],
  ['"abc', 0, 4],
  ['"\\x"', 1, 3],
  ["", 0, 0],
  [" ", 1, 1],
])("%j is refused where it is wrong", (text, from, to) => {
  expect(() => parseJson(text)).toThrow(JsonError);
  try {
    parseJson(text);
  } catch (error) {
    expect(error).toMatchObject({ from, to });
  }
});

test("what JSON.parse takes and the database too is the same value", () => {
  const text = ' { "a" : [ 1 , -2.5e+3 , "\\u00e9\\n" , true , false , null ] , "b" : { } } ';
  expect(JSON.parse(compactJson(parseJson(text)))).toEqual(JSON.parse(text));
});
