// Owns how a value is written for people: indented text, and one-line summaries. It must never change a number's spelling.

import type { Json } from "./parse.ts";

/** Indented text of a value. */
export function printJson(value: Json, indent = ""): string {
  const deeper = `${indent}  `;
  switch (value.type) {
    case "object":
      if (value.members.length === 0) return "{}";
      return `{\n${value.members
        .map(({ name, value: member }) => `${deeper}${JSON.stringify(name)}: ${printJson(member, deeper)}`)
        .join(",\n")}\n${indent}}`;
    case "array":
      if (value.items.length === 0) return "[]";
      return `[\n${value.items.map((item) => deeper + printJson(item, deeper)).join(",\n")}\n${indent}]`;
    case "string":
      return JSON.stringify(value.value);
    default:
      return value.text;
  }
}

/** The text of a value without any space, as it is stored. */
export function compactJson(value: Json): string {
  switch (value.type) {
    case "object":
      return `{${value.members.map((member) => `${JSON.stringify(member.name)}:${compactJson(member.value)}`).join(",")}}`;
    case "array":
      return `[${value.items.map(compactJson).join(",")}]`;
    case "string":
      return JSON.stringify(value.value);
    default:
      return value.text;
  }
}

/** What a folded object or array holds, in few words. */
export function summary(value: Json): string {
  if (value.type === "object")
    return value.members.length === 1 ? "1 field" : `${value.members.length} fields`;
  if (value.type === "array") return value.items.length === 1 ? "1 item" : `${value.items.length} items`;
  return "";
}
