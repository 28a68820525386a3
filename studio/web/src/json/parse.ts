// Owns reading JSON text exactly as the database does: numbers keep their spelling, and what the database would
// refuse is an error with a position. It must never turn a number into a double.

export type Json =
  | { readonly type: "object"; readonly members: readonly Member[] }
  | { readonly type: "array"; readonly items: readonly Json[] }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "number"; readonly text: string }
  | { readonly type: "literal"; readonly text: "true" | "false" | "null" };

export interface Member {
  readonly name: string;
  readonly value: Json;
}

export class JsonError extends Error {
  constructor(
    message: string,
    readonly from: number,
    readonly to: number,
  ) {
    super(message);
  }
}

/** The value that a text holds. Throws a `JsonError` that says where it is wrong. */
export function parseJson(text: string): Json {
  const reader = new Reader(text);
  const value = reader.value();
  reader.end();
  return value;
}

/** As `parseJson`, or nothing. */
export function tryParseJson(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const LITERAL = /true|false|null/y;
const ESCAPES: Record<string, string> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
const INTEGER_MIN = -(2n ** 63n);
const INTEGER_MAX = 2n ** 64n - 1n;

class Reader {
  #at = 0;

  constructor(readonly text: string) {}

  value(): Json {
    this.#match(SPACE);
    const from = this.#at;
    const first = this.text[from];
    if (first === "{") return this.#object();
    if (first === "[") return this.#array();
    if (first === '"') return { type: "string", value: this.#string() };
    if (first === "-" || (first !== undefined && first >= "0" && first <= "9")) return this.#number();
    const literal = this.#match(LITERAL);
    if (literal === "") throw this.#unexpected("a value");
    return { type: "literal", text: literal as "true" | "false" | "null" };
  }

  end(): void {
    this.#match(SPACE);
    if (this.#at < this.text.length) throw this.#unexpected("nothing more");
  }

  #object(): Json {
    const members: Member[] = [];
    const names = new Set<string>();
    this.#at += 1;
    if (this.#take("}")) return { type: "object", members };
    do {
      this.#match(SPACE);
      const from = this.#at;
      if (this.text[from] !== '"') throw this.#unexpected("a field name in double quotes");
      const name = this.#string();
      if (names.has(name))
        throw new JsonError(`The field ${JSON.stringify(name)} is there twice`, from, this.#at);
      names.add(name);
      if (!this.#take(":")) throw this.#unexpected("a colon");
      members.push({ name, value: this.value() });
    } while (this.#take(","));
    if (!this.#take("}")) throw this.#unexpected("a comma or the object's end");
    return { type: "object", members };
  }

  #array(): Json {
    const items: Json[] = [];
    this.#at += 1;
    if (this.#take("]")) return { type: "array", items };
    do {
      items.push(this.value());
    } while (this.#take(","));
    if (!this.#take("]")) throw this.#unexpected("a comma or the array's end");
    return { type: "array", items };
  }

  #string(): string {
    const from = this.#at;
    let value = "";
    this.#at += 1;
    for (;;) {
      value += this.#match(PLAIN);
      const next = this.text[this.#at];
      if (next === '"') {
        this.#at += 1;
        return value;
      }
      if (next === "\\") value += this.#escape();
      else if (next === undefined) throw new JsonError("The string does not end", from, this.#at);
      else throw new JsonError("A control character must be escaped in a string", this.#at, this.#at + 1);
    }
  }

  #escape(): string {
    const from = this.#at;
    const letter = this.text[from + 1] ?? "";
    if (letter === "u") {
      const unit = this.#unit(from);
      if (unit >= 0xdc00 && unit <= 0xdfff) throw new JsonError("Half of a surrogate pair", from, from + 6);
      if (unit < 0xd800 || unit > 0xdbff) return String.fromCharCode(unit);
      const low = this.text.startsWith("\\u", this.#at) ? this.#unit(this.#at) : 0;
      if (low < 0xdc00 || low > 0xdfff) throw new JsonError("Half of a surrogate pair", from, from + 6);
      return String.fromCharCode(unit, low);
    }
    const character = ESCAPES[letter];
    if (character === undefined) throw new JsonError("No such escape", from, from + 2);
    this.#at += 2;
    return character;
  }

  #unit(from: number): number {
    const digits = this.text.slice(from + 2, from + 6);
    if (!/^[0-9a-fA-F]{4}$/.test(digits))
      throw new JsonError("\\u needs four hexadecimal digits", from, from + 2);
    this.#at = from + 6;
    return Number.parseInt(digits, 16);
  }

  #number(): Json {
    const from = this.#at;
    const text = this.#match(NUMBER);
    if (text === "") throw this.#unexpected("digits");
    if (/^[0-9.eE+-]/.test(this.text.slice(this.#at, this.#at + 1)))
      throw this.#unexpected("another way to spell the number");
    if (/[.eE]/.test(text)) {
      if (!Number.isFinite(Number(text))) throw new JsonError("No finite number", from, this.#at);
    } else if (BigInt(text) < INTEGER_MIN || BigInt(text) > INTEGER_MAX) {
      throw new JsonError("Integers go from -9223372036854775808 to 18446744073709551615", from, this.#at);
    }
    return { type: "number", text };
  }

  #take(character: string): boolean {
    this.#match(SPACE);
    if (this.text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #unexpected(wanted: string): JsonError {
    const found = this.text[this.#at];
    const what = found === undefined ? "the text ends" : `there is ${JSON.stringify(found)}`;
    return new JsonError(
      `Expected ${wanted}, but ${what}`,
      this.#at,
      Math.min(this.#at + 1, this.text.length),
    );
  }
}
