// Owns reading how long a document shall stay, as somebody types it.

const UNITS: Record<string, number> = { s: 1e3, min: 6e4, h: 36e5, d: 864e5 };

/** Milliseconds; null is for ever, and nothing where the text says no time. */
export function lifetimeOf(text: string): number | null | undefined {
  const words = text.trim().toLowerCase();
  if (words === "") return null;
  const parts = [...words.matchAll(/(\d+(?:\.\d+)?)\s*(s|min|m|h|d)\b\s*/gy)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join("") !== words) return undefined;
  const total = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * (UNITS[unit === "m" ? "min" : (unit ?? "")] ?? 0),
    0,
  );
  return total >= 1 && Number.isSafeInteger(Math.round(total)) ? Math.round(total) : undefined;
}
