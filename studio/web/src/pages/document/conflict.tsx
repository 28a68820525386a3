// Owns the view of a conflict: what was there, what somebody else has stored, and what you wanted to.

import type { Document } from "../../api/schemas.ts";
import { Button } from "../../ui/button.tsx";
import { Diff } from "../../ui/diff.tsx";

export type Choice = "mine" | "theirs" | "edit";

interface ConflictProps {
  /** What the draft began from. */
  base: string;
  mine: string;
  /** What is stored now; null if it was deleted. */
  theirs: Document | null;
  close: (choice?: Choice) => void;
}

export function Conflict({ base, mine, theirs, close }: ConflictProps) {
  return (
    <div class="body">
      <h2>Somebody else has changed it</h2>
      <p class="soft">
        {theirs
          ? `Version ${theirs.version} was stored while you were editing. Nothing of yours was stored yet. Each side is compared with what you began from.`
          : "It was deleted while you were editing. Nothing of yours was stored yet."}
      </p>
      <div class="sides">
        <section aria-label="Theirs" class="stack">
          <h3>Theirs: {theirs ? `version ${theirs.version}` : "deleted"}</h3>
          {theirs ? (
            <Diff before={base} after={theirs.text} label="Their changes" />
          ) : (
            <p class="soft">There is no document.</p>
          )}
        </section>
        <section aria-label="Yours" class="stack">
          <h3>Yours</h3>
          <Diff before={base} after={mine} label="Your changes" />
        </section>
      </div>
      <div class="actions">
        <Button onClick={() => close("edit")}>Edit further</Button>
        <Button onClick={() => close("theirs")}>Keep theirs</Button>
        <Button kind="danger main" onClick={() => close("mine")}>
          Store yours over it
        </Button>
      </div>
    </div>
  );
}
