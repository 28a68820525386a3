// Owns the place of the editor in the page: it is fetched when somebody first edits, and lives in a shadow root, where its
// style sheets are objects rather than elements, as the page's policy demands.

import { useEffect, useRef, useState } from "preact/hooks";

interface EditorProps {
  label: string;
  /** Whether what is typed goes there from the beginning. */
  focused?: boolean;
  /** What it begins with; later texts are the editor's own. */
  text: string;
  onChange: (text: string) => void;
  /** Ctrl-S or Ctrl-Enter. */
  onSave: () => void;
}

export function Editor({ label, text, focused = false, onChange, onSave }: EditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const callbacks = useRef({ onChange, onSave });
  callbacks.current = { onChange, onSave };
  const [failed, setFailed] = useState<string | undefined>(undefined);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor keeps its text
  useEffect(() => {
    let end = () => {};
    let wanted = true;
    import("./codemirror.ts").then(
      ({ openEditor }) => {
        if (!wanted || !host.current) return;
        end = openEditor(host.current, {
          label,
          text,
          focused,
          onChange: (next) => callbacks.current.onChange(next),
          onSave: () => callbacks.current.onSave(),
        });
      },
      (error: unknown) => setFailed(String(error)),
    );
    return () => {
      wanted = false;
      end();
    };
  }, []);
  if (failed) return <p class="note bad">The editor cannot be loaded: {failed}</p>;
  return <div ref={host} class="editor" />;
}
