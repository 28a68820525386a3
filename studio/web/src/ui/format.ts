// Owns how figures are written: short, and with their units.

const BYTES = ["B", "kB", "MB", "GB", "TB"];
const WHOLE = new Intl.NumberFormat("en");
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export function bytes(count: number): string {
  let unit = 0;
  let value = count;
  while (value >= 999.5 && unit < BYTES.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${BYTES[unit]}`;
}

export function whole(count: number): string {
  return WHOLE.format(count);
}

/** A count in few characters: 950, 12.3k, 4.6M. */
export function short(count: number): string {
  if (count < 9999.5)
    return WHOLE.format(Math.round(count * (count < 100 ? 10 : 1)) / (count < 100 ? 10 : 1));
  for (const [size, unit] of [
    [1e3, "k"],
    [1e6, "M"],
    [1e9, "G"],
  ] as const) {
    const value = count / size;
    if (value < 999.5 || unit === "G")
      return `${value >= 99.95 ? Math.round(value) : value.toFixed(1)}${unit}`;
  }
  return String(count);
}

export function nanos(value: number): string {
  if (value === 0) return "0 ms";
  if (value < 1e3) return `${Math.round(value)} ns`;
  if (value < 1e6) return `${digits(value / 1e3)} µs`;
  if (value < 1e9) return `${digits(value / 1e6)} ms`;
  return `${digits(value / 1e9)} s`;
}

export function percent(part: number, all: number): string {
  const share = (100 * part) / all;
  if (all === 0) return "–";
  if (share === 0 || share === 100) return `${share} %`;
  // A little is not nothing, and almost all is not all.
  if (share < 0.05) return "< 0.1 %";
  return share >= 99.95 ? "> 99.9 %" : `${share.toFixed(1)} %`;
}

/** A span of time in its two greatest units. */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

export function time(milliseconds: number): string {
  return DAY.format(milliseconds);
}

export function clock(milliseconds: number): string {
  return CLOCK.format(milliseconds);
}

function digits(value: number): string {
  const text =
    value >= 99.95 ? String(Math.round(value)) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** A key on one line, with what cannot be seen made visible. */
export function visible(key: string): string {
  if (key === "") return "(empty key)";
  // A space is seen by what stands on both sides of it.
  const shown = key.replace(/^ +| +$/g, (spaces) => "␣".repeat(spaces.length));
  return shown.replace(INVISIBLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    return `\\u{${code.toString(16)}}`;
  });
}

// Controls, directions that would turn the line around, and what has no width.
const INVISIBLE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
