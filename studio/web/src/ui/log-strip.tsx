// Owns the strip that shows the file: what is live in it, what a compaction would win, and what is prepared ahead.

import type { Overview } from "../api/schemas.ts";
import { bytes, percent } from "./format.ts";

export function LogStrip({ sizes }: { sizes: Overview["bytes"] }) {
  const ahead = Math.max(0, sizes.file - sizes.live - sizes.dead);
  const parts: [string, string, number][] = [
    ["live", "Live", sizes.live],
    ["dead", "Replaced or deleted", sizes.dead],
    ["ahead", "Headers and space prepared ahead", ahead],
  ];
  const all = Math.max(1, sizes.live + sizes.dead + ahead);
  const words = parts.map(([, name, size]) => `${name} ${bytes(size)}`).join(", ");
  return (
    <div class="strip">
      <div class="meter" role="img" aria-label={words}>
        {parts.map(([kind, , size]) => (
          <span key={kind} class={kind} style={{ flexGrow: size / all }} />
        ))}
      </div>
      <ul class="row wraps">
        {parts.map(([kind, name, size]) => (
          <li key={kind} class="row">
            <span class={`swatch ${kind}`} aria-hidden="true" />
            <span class="soft">{name}</span>
            <strong class="number">{bytes(size)}</strong>
            <span class="small faint number">{percent(size, all)}</span>
          </li>
        ))}
        {sizes.held > 0 && (
          <li class="row">
            <span class="soft">Held by open snapshots in files from before a compaction</span>
            <strong class="number">{bytes(sizes.held)}</strong>
          </li>
        )}
      </ul>
    </div>
  );
}
